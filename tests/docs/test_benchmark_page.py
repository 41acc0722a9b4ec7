"""One command writes the measured table of the page of benchmarks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "pages" / "benchmarks.md"


@pytest.fixture(scope="module")
def benchmark_page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_page", ROOT / "benchmarks" / "page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_script_and_its_file_exist(benchmark_page: ModuleType) -> None:
    for script, arguments in benchmark_page.SCRIPTS.items():
        assert (ROOT / "benchmarks" / f"{script}.py").is_file()
        assert all(Path(argument).is_file() for argument in arguments)


def test_the_table_is_replaced_and_the_rest_stays(benchmark_page: ModuleType) -> None:
    kept, missed = (
        benchmark_page.Measurement("start_up", what, ratio, 1.5) for what, ratio in [("kept", 1.504), ("missed", 1.506)]
    )
    unpromised = benchmark_page.Measurement("validate", "unpromised", 9.0, None)
    page = PAGE.read_text(encoding="utf-8")
    written = benchmark_page.with_measurements(page, [kept, missed, unpromised], "A machine.", "2026-01-02")
    before, after = page.split("<!-- measured: start -->")[0], page.split("<!-- measured: end -->")[1]
    assert written == (
        f"{before}<!-- measured: start -->\n"
        "Measured on 2026-01-02 by `python benchmarks/page.py`: A machine.\n\n"
        "1 of 3 rows miss what was promised; they are in bold.\n\n"
        "| what | ours / the peer's | promised | script |\n|---|---|---|---|\n"
        "| kept | 1.50 | at most 1.50 | `benchmarks/start_up.py` |\n"
        "| **missed** | **1.51** | at most 1.50 | `benchmarks/start_up.py` |\n"
        "| unpromised | 9.00 |  | `benchmarks/validate.py` |\n"
        f"<!-- measured: end -->{after}"
    )
    with pytest.raises(ValueError, match="measured: start"):
        benchmark_page.with_measurements("no markers", [kept], "A machine.", "2026-01-02")


def test_this_machine_has_a_name(benchmark_page: ModuleType) -> None:
    assert " cores; " in benchmark_page.machine()
    assert "tensorflow 2." in benchmark_page.machine()
