"""``edgekit.inspect``: each kind of file, paths as text, models in memory, and how results show themselves."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli import cli
from edgekit_converters.result_display import ResultDisplay, Summary

DATA = Path(__file__).resolve().parents[1] / "data"
FILES = {
    "TfliteInspection": DATA / "tflite" / "cnn_int8_io_int8.tflite",
    "KerasFileSummary": DATA / "keras_eras" / "tf24_images.h5",
    "Program": DATA / "exported_programs" / "cnn.pt2",
}


def printed_by_the_command(*arguments: object) -> object:
    result = CliRunner().invoke(cli, ["inspect", *map(str, arguments), "--json"])
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("form", [str, Path])
def test_each_kind_gives_what_the_command_prints(kind: str, form: type) -> None:
    result = edgekit.inspect(form(FILES[kind]))
    assert type(result) is getattr(edgekit, kind)
    assert json.loads(json.dumps(result.to_dict())) == printed_by_the_command(FILES[kind])


def test_a_saved_model_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / "saved_models" / "keras2_cnn.zip") as archive:
        archive.extractall(tmp_path)
    (folder,) = (path.parent for path in tmp_path.rglob("saved_model.pb"))
    result = edgekit.inspect(str(folder))
    assert isinstance(result, edgekit.SavedModelSummary)
    assert result.converted in [signature.name for signature in result.signatures]
    assert f"accepted, signature {result.converted}" in repr(result)


def test_targets_give_a_verdict_for_each() -> None:
    file = DATA / "tflite" / "cnn_dynamic.tflite"
    checks = edgekit.inspect(file, targets=["litert", "tflite-runtime-2.14"])
    assert isinstance(checks, edgekit.TargetChecks)
    assert (checks.passed, checks.failed_targets) == (False, ("tflite-runtime-2.14",))
    assert printed_by_the_command(file, "--target", "litert", "--target", "tflite-runtime-2.14") == json.loads(
        json.dumps(checks.to_dict())
    )
    assert "FULLY_CONNECTED" in repr(checks)


def test_a_keras_model_in_memory_is_read_from_a_file_that_it_saves() -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="small one")
    result = edgekit.inspect(model)
    assert isinstance(result, edgekit.KerasFileSummary)
    assert (result.file, result.parameters) == ("small_one.keras", 15)


@pytest.mark.parametrize(
    ("model", "received"),
    [(3, "int"), (None, "NoneType"), (b"model.h5", "bytes"), (["model.h5"], "list")],
    ids=str,
)
def test_what_is_not_a_model_is_a_type_error_with_advice(model: object, received: str) -> None:
    with pytest.raises(TypeError) as raised:
        edgekit.inspect(model)  # type: ignore[call-overload]
    error = raised.value
    assert isinstance(error, edgekit.EdgekitError)
    assert (error.problem, error.received) == ("model is not a model.", received)
    assert "keras.Model" in error.expected
    assert error.next_step == "save the model to a file and pass its path"


def test_a_module_of_pytorch_is_told_how_to_export() -> None:
    class Module:
        __module__ = "torch.nn.modules.module"

    with pytest.raises(edgekit.ArgumentTypeError) as raised:
        edgekit.inspect(Module())  # type: ignore[call-overload]
    assert "torch.export.save(" in raised.value.next_step


def test_a_model_that_keras_cannot_save_is_reported() -> None:
    keras = pytest.importorskip("keras")

    class Unsaveable(keras.layers.Layer):
        def get_config(self) -> dict[str, object]:
            raise RuntimeError("no configuration")

        def call(self, x: object) -> object:
            return x

    with pytest.raises(edgekit.ConversionError, match="Keras could not save model") as raised:
        edgekit.inspect(keras.Sequential([keras.Input((4,)), Unsaveable()]))
    assert raised.value.received == "RuntimeError: no configuration"


def test_wrong_targets_are_named() -> None:
    file = FILES["TfliteInspection"]
    with pytest.raises(edgekit.UsageError, match="no target 'litrt'"):
        edgekit.inspect(file, targets=["litrt"])
    with pytest.raises(TypeError, match="targets has the wrong type"):
        edgekit.inspect(file, targets=3)  # type: ignore[call-overload]
    assert edgekit.inspect(file, targets="litert").passed  # type: ignore[union-attr]


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(edgekit.UsageError, match="model is empty"):
        edgekit.inspect("")


class Hostile(ResultDisplay):
    def summary(self) -> Summary:
        return Summary("<b>title</b>", (("a & b", "<script>alert(1)</script>\x1b[31m"), ("long", "x" * 1000)))


def test_html_is_escaped_and_control_characters_are_shown() -> None:
    page = Hostile()._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m" in page
    assert "a &amp; b" in page
    assert "&lt;b&gt;title" in page
    assert len(page) < 1000
    assert "\x1b" not in repr(Hostile())


def test_a_result_shows_its_facts_as_text_and_as_a_table() -> None:
    result = edgekit.inspect(FILES["TfliteInspection"])
    lines = repr(result).splitlines()
    assert lines[0] == "<TFLite model cnn_int8_io_int8.tflite>"
    assert lines[1] == "  size       5,608 bytes"
    assert '<th scope="row" style="text-align:left">size</th><td style="text-align:left">5,608 bytes</td>' in (
        result._repr_html_()
    )
