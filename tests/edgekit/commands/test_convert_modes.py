"""What ``edgekit convert`` offers is read from the records of the modes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.commands.convert import command
from edgekit.conversion.output_paths import output_paths
from edgekit_converters.quantization.modes import IoType, Mode

#: Runs ``edgekit convert --help`` with one more record in the module of the modes.
WITH_A_DUMMY_MODE = """
import sys
from importlib.util import find_spec, module_from_spec
from pathlib import Path

name = "edgekit_converters.quantization.modes"
spec = find_spec(name)
dummy = '''
    DUMMY = ModeRecord(
        name="dummy",
        help="ternary weights (dummy)",
        summary="weights to three values",
        path=QuantizationPath("dummy", "", "shows what a mode needs"),
        weight_bits=2,
        activation_bits=8,
        arithmetic=_INT8,
        io_types=(IoType.FLOAT32, IoType.INT8),
        auto_rank=6,
        in_all=True,
        unfit_targets={"litert": "it has no ternary weights"},
    )

'''
before, mark, after = spec.loader.get_source(name).partition("    @property\\n    def needs_calibration")
module = module_from_spec(spec)
sys.modules[name] = module
exec(before + dummy + mark + after, module.__dict__)

from edgekit.commands.convert import command
from edgekit.conversion.output_paths import output_paths
from edgekit_converters.targets.adaptation import require_mode
from edgekit_runtime.errors import UsageError

print([mode.value for mode in output_paths(Path("model.h5"), None, "auto", module.IoType("int8"))])
try:
    require_mode(module.Mode.DUMMY, ["litert"])
except UsageError as error:
    print(error.problem)
command(["--help"])
"""


def test_a_mode_is_offered_everywhere_once_it_has_a_record() -> None:
    run = subprocess.run([sys.executable, "-c", WITH_A_DUMMY_MODE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    text = " ".join(run.stdout.split())
    assert "['int8', 'dummy']" in text
    assert "--quantize dummy does not go with --target litert: it has no ternary weights." in text
    assert "[none|float16|dynamic|int8|int16x8|int4|dummy|auto]" in text
    assert "or ternary weights (dummy); auto measures" in text
    assert "Write every variant: none, float16, dynamic, int8 and dummy." in text
    assert "int16 with int16x8; int8 with dummy." in text
    assert "Real inputs that int8, int16x8 and dummy are calibrated on" in text


def test_the_help_names_every_mode_and_every_type() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    assert f"[{'|'.join(mode.value for mode in Mode)}|auto]" in text
    assert f"[{'|'.join(io.value for io in IoType)}]" in text


@pytest.mark.parametrize(
    ("io", "candidates"),
    [
        ("float32", ["none", "float16", "dynamic", "int16x8", "int8", "int4"]),
        ("int8", ["int8"]),
        ("uint8", ["int8"]),
        ("int16", ["int16x8"]),
    ],
)
def test_auto_chooses_among_the_modes_with_these_inputs_and_outputs(io: str, candidates: list[str]) -> None:
    assert [mode.value for mode in output_paths(Path("model.h5"), None, "auto", IoType(io))] == candidates
