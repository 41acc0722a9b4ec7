from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import edgekit_runtime
from edgekit_runtime.tflite.scales import dense_crashes


def test_a_model_says_what_it_is(tflite_folder: Path, cnn: dict[str, np.ndarray]) -> None:
    path = tflite_folder / "cnn_int8_io_int8.tflite"
    model = edgekit_runtime.load(path, labels=["zero\x1b[31m", *map(str, range(1, 10))], num_interpreters=2)
    summary = model.describe()
    assert summary.file == str(path)
    assert summary.size_bytes == path.stat().st_size
    assert not summary.is_mapped
    assert summary.interpreter == f"{model.interpreter} {model.interpreter_version}"
    (image,), (scores,) = summary.inputs, summary.outputs
    assert (image.kind, image.dtype, image.shape) == ("image", "int8", (-1, 12, 12, 1))
    assert (scores.kind, scores.dtype, scores.shape) == ("classes", "int8", (-1, 10))
    assert (summary.batch_interpreters, summary.batch_threads, summary.num_threads) == (2, 1, 1)
    # This interpreter may crash in batches of this model, which then take one example at a time from the start.
    crashes = dense_crashes(model.interpreter, model.interpreter_version, model.description)
    assert summary.examples_per_invoke == (1 if crashes else None)
    model.predict(np.resize(cnn["image"], (100, 12, 12, 1)))
    assert model.describe().examples_per_invoke in (1, 4, 12)
    assert json.loads(json.dumps(summary.to_dict()))["operators"] == len(model.description.operators)
    text = str(summary)
    assert "(image, int8, N × 12 × 12 × 1)" in text
    assert "\\x1b[31m" in text
    assert "\x1b" not in text
    assert f"examples per invoke: {1 if crashes else 'not measured yet'}" in text


def test_printing_a_model(tflite_folder: Path) -> None:
    path = tflite_folder / "two_in_two_out.tflite"
    shown = str(edgekit_runtime.load(path))
    assert shown.startswith(f"<Model {path}: ")
    assert " → " in shown
    assert "\n" not in shown
    assert repr(edgekit_runtime.load(path.read_bytes())).startswith("<Model from bytes: ")


def test_the_public_names_are_those_of_all() -> None:
    public = {name for name in vars(edgekit_runtime) if not name.startswith("_")}
    # Submodules that were imported are attributes, too.
    folder = Path(edgekit_runtime.__file__).parent
    modules = {path.stem for path in folder.iterdir()}
    assert public - modules <= set(edgekit_runtime.__all__)
    assert set(dir(edgekit_runtime)) == {*edgekit_runtime.__all__, "__version__"}
    for name in edgekit_runtime.__all__:
        assert getattr(edgekit_runtime, name).__doc__
