"""A .tflite as C source, compiled and run by the machine's own compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgekit_converters.microcontrollers.c_array import c_array, identifier
from edgekit_converters.microcontrollers.reserved_names import RESERVED_NAMES
from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.tensor_info import model_inputs, model_outputs
from edgekit_runtime.tflite.structure import read_model_description
from edgekit_runtime.tflite.tflite_model import TfliteModel

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
MODEL = TFLITE / "cnn_int8_io_int8.tflite"
PARSED = TfliteModel(MODEL.read_bytes())
LABELS = ("nought", 'say "one"', "zwei?? → 2", "back\\slash")

MAIN = """
#include <cstdint>
#include <cstdio>
#include "digits.h"
static_assert(sizeof(digits) == DIGITS_SIZE_BYTES, "the size is known where it is included");
alignas(16) static uint8_t arena[DIGITS_TENSOR_ARENA_BYTES];
int main(int argc, char** argv) {
    std::FILE* copy = std::fopen(argv[1], "wb");
    std::fwrite(digits, 1, DIGITS_SIZE_BYTES, copy);
    std::fclose(copy);
    std::FILE* names = std::fopen(argv[2], "wb");
    for (const char* label : digits_labels) std::fprintf(names, "%s\\n", label);
    std::fclose(names);
    std::printf("{\\"misaligned\\": %d, \\"arena\\": %zu, \\"input\\": [%.9g, %d, %d], \\"output\\": [%.9g, %d, %d]}",
                (int)(reinterpret_cast<uintptr_t>(digits) % 16), sizeof(arena),
                DIGITS_INPUT_0_SCALE, DIGITS_INPUT_0_ZERO_POINT, DIGITS_INPUT_0_ELEMENTS,
                DIGITS_OUTPUT_0_SCALE, DIGITS_OUTPUT_0_ZERO_POINT, DIGITS_OUTPUT_0_ELEMENTS);
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = c_array(PARSED, "digits", labels=LABELS, origin="made for a test */ \\")
    (tmp_path / "digits.h").write_text(source.header)
    (tmp_path / "digits.cc").write_text(source.source)
    return tmp_path


@pytest.mark.skipif(shutil.which("g++") is None, reason="this machine has no g++")
def test_it_compiles_and_holds_the_model_its_constants_and_its_labels(folder: Path) -> None:
    (folder / "main.cc").write_text(MAIN)
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-parameter", "-Wno-unused-variable"]
    subprocess.run(["g++", *flags, "main.cc", "digits.cc", "-o", "main"], cwd=folder, check=True)
    done = subprocess.run(["./main", "copy", "names"], cwd=folder, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    description = read_model_description(MODEL.read_bytes())
    (given,), (result,) = model_inputs(description), model_outputs(description)
    assert (folder / "copy").read_bytes() == MODEL.read_bytes()
    assert (folder / "names").read_text() == "\n".join(LABELS) + "\n"
    assert found["misaligned"] == 0
    assert found["input"] == [pytest.approx(given.scale, rel=1e-7), given.zero_point, 144]
    assert found["output"][1:] == [result.zero_point, 10]
    assert np.float32(found["output"][0]) == np.float32(result.scale)
    assert found["arena"] >= 144 * 4


@pytest.mark.skipif(shutil.which("gcc") is None, reason="this machine has no gcc")
def test_the_header_is_c_too(folder: Path) -> None:
    (folder / "main.c").write_text('#include "digits.h"\nint main(void) { return digits[0] == 0; }\n')
    flags = ["-std=c99", "-Wall", "-Wpedantic", "-Werror", "-Wno-comment", "-c"]
    subprocess.run(["gcc", *flags, "main.c"], cwd=folder, check=True)


def test_a_float_model_has_no_scale() -> None:
    header = c_array(TfliteModel((TFLITE / "cnn_float32.tflite").read_bytes()), "m").header
    assert "#define M_INPUT_0_ELEMENTS 144" in header
    assert "SCALE" not in header
    assert "LABEL" not in header


def test_equal_arguments_give_equal_text() -> None:
    assert c_array(PARSED, "m") == c_array(PARSED, "m")


@pytest.mark.parametrize("name", ["", "two words", "2nd", "a-b", "class", "while", "main", "_x", "a__b", "ö"], ids=repr)
def test_a_name_that_c_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a C identifier") as refusal:
        c_array(PARSED, name)
    assert c_array(PARSED, refusal.value.next_step.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("model-int8", "model_int8"),
        ("2nd", "model_2nd"),
        ("class", "model_class"),
        ("", "model"),
        ("a.b c", "a_b_c"),
        ("while", "model_while"),
        ("__init__", "init"),
        ("a--b", "a_b"),
        ("größe", "gr_e"),
        ("co_await", "model_co_await"),
    ],
)
def test_any_file_name_becomes_an_identifier(text: str, name: str) -> None:
    assert identifier(text) == name


@pytest.mark.parametrize(
    ("compiler", "file", "standard"),
    [("gcc", "names.c", "c99"), ("g++", "names.cc", "c++11"), ("g++", "names.cc", "c++20")],
)
def test_no_word_of_c_or_cpp_remains_an_identifier(compiler: str, file: str, standard: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"this machine has no {compiler}")
    headers = "".join(
        f"#include <{name}.h>\n" for name in ("math", "signal", "stddef", "stdint", "stdio", "stdlib", "time")
    )
    names = [identifier(word) for word in sorted(RESERVED_NAMES)]
    assert not RESERVED_NAMES & set(names)
    (tmp_path / file).write_text(headers + "".join(f"extern const unsigned char {name}[1];\n" for name in names))
    subprocess.run([compiler, f"-std={standard}", "-Wall", "-Werror", "-c", file], cwd=tmp_path, check=True)


def test_a_damaged_model_is_refused() -> None:
    with pytest.raises(ModelFileError):
        c_array(TfliteModel(MODEL.read_bytes()[:200]), "m")
