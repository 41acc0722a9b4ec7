"""Implements the fixtures of the pytest plugin for tests marked ``edgekit``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgekit_runtime
from edgekit.regression.baseline.stored import read_baseline, update_baseline
from edgekit.regression.candidates import prepare
from edgekit.regression.configuration.files import configurations_in_reach, find_configuration
from edgekit.regression.configuration.sections import (
    LoadedConfiguration,
    configuration_of,
    load_configuration,
)
from edgekit.regression.gate import check, measure_for_baseline
from edgekit.regression.results import ModelCheck
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import UsageError

if TYPE_CHECKING:
    import pytest

    from edgekit_runtime.model import Model

_USAGE = '@pytest.mark.edgekit(model="digits"), a name in the configuration, or model="model.tflite", data="digits"'
#: One check per session: the same model with the same limits gives the same result.
_judged: dict[tuple[Any, ...], ModelCheck] = {}


@dataclass(frozen=True, slots=True)
class MarkedModel:
    """The model of one marked test.

    Attributes:
        configuration: Configuration including the settings of the marker.
        name: Model name in the configuration.
    """

    configuration: LoadedConfiguration
    name: str

    def load(self) -> Model:
        """Load the model on this machine's interpreter."""
        with temporary_folder("test") as folder:
            return edgekit_runtime.load(prepare(self.configuration, self.name, folder).path)

    def check(self) -> ModelCheck:
        """Judge the model against the baseline."""
        key = (self.configuration.path, self.name, self.configuration.settings.model_dump_json())
        if key not in _judged:
            records = read_baseline(self._baseline)
            (_judged[key],) = check(self.configuration, records, names=[self.name]).models
        return _judged[key]

    def update_baseline(self) -> ModelCheck:
        """Write the model's figures into the baseline, then judge the model against it."""
        measured = measure_for_baseline(self.configuration, names=[self.name])
        update_baseline(self._baseline, measured)
        _judged.clear()
        return self.check()

    @property
    def _baseline(self) -> Path:
        return self.configuration.resolve(self.configuration.settings.baseline)


def marked_model(item: pytest.Item) -> MarkedModel:
    """The model that a test's marker names.

    Raises:
        UsageError: The test has no marker, or the marker names no model or an unknown limit.
    """
    marker = item.get_closest_marker("edgekit")
    if marker is None:
        raise UsageError(f"{item.name} uses an edgekit fixture but has no edgekit marker.", expected=_USAGE)
    settings = dict(marker.kwargs)
    name = settings.pop("model", None) or (marker.args[0] if len(marker.args) == 1 else None)
    if not isinstance(name, str):
        raise UsageError(f"The marker of {item.name} names no model.", expected=_USAGE)
    data = settings.pop("data", None)
    base = _configuration(item.config)
    if base is not None and name in base.settings.models:
        own = base.settings.models[name]
        model = own.model_copy(
            update={"data": data or own.data, "thresholds": {**own.thresholds, **settings}}
        ).model_dump()
    else:
        model = {"file": name, "data": data, "thresholds": settings}
    path = base.path if base is not None else item.config.rootpath / "pyproject.toml"
    others = base.settings.model_dump(exclude={"models"}) if base is not None else {}
    configuration = configuration_of({**others, "models": {name: model}}, path, f"marker of {item.name}")
    return MarkedModel(configuration, name)


def _configuration(config: pytest.Config) -> LoadedConfiguration | None:
    """The project's configuration; None if there is none and the markers contain all settings."""
    named = config.getoption("--edgekit-config")
    if named:
        return load_configuration(config.invocation_params.dir / named)
    if not configurations_in_reach(config.rootpath):
        return None
    return load_configuration(find_configuration(config.rootpath))
