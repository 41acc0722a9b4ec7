"""The pytest plugin, which contains hooks only; ``edgekit.regression.marked_tests`` is imported when a test needs it.

@pytest.mark.edgekit(model="digits", max_drop=0.01)
def test_digits_are_no_worse(edgekit_parity):
    edgekit_parity.require_passed()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from edgekit.regression.results import ModelCheck
    from edgekit_runtime.model import Model

_PROPERTY = "edgekit"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--edgekit-update`` and ``--edgekit-config``."""
    group = parser.getgroup("edgekit")
    group.addoption(
        "--edgekit-update", action="store_true", help="write the marked models as the new baseline instead of judging"
    )
    group.addoption(
        "--edgekit-config",
        metavar="FILE",
        help="configuration of the models (default: edgekit.toml or pyproject.toml in the root folder or above)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "edgekit(model, data=…, max_drop=…, …): the model that edgekit_model and edgekit_parity give, a name in the "
        "configuration or a .tflite, and its limits, named as in the configuration's thresholds",
    )


@pytest.fixture
def edgekit_model(request: pytest.FixtureRequest) -> Model:
    """The marked model, loaded by ``edgekit_runtime``; converted first if the configuration names a source."""
    from edgekit.regression.marked_tests import marked_model

    return marked_model(request.node).load()


@pytest.fixture
def edgekit_parity(request: pytest.FixtureRequest) -> ModelCheck:
    """The marked model's comparison with the committed baseline: ``passed``, ``rules``, ``require_passed()``."""
    from edgekit.regression.marked_tests import marked_model

    model = marked_model(request.node)
    update = request.config.getoption("--edgekit-update")
    check = model.update_baseline() if update else model.check()
    # The property is part of the test's report: it reaches the summary from a worker of pytest-xdist, and --junitxml.
    request.node.user_properties.append((_PROPERTY, f"{check.name}: {'updated' if update else check.summary}"))
    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line about all judged models."""
    said = sorted(
        {
            value
            for reports in terminalreporter.stats.values()
            for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == _PROPERTY
        }
    )
    if said:
        from edgekit_runtime.printable_text import one_line

        terminalreporter.write_line(f"edgekit: {'; '.join(map(one_line, said))}")
