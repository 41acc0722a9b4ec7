"""Pictures become the same tensor wherever: calibration, validation, golden examples, the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import edgekit_runtime
from edgekit.calibration.data import open_calibration_data
from edgekit.cli import cli
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.readers.image_options import ImageOptions
from edgekit_converters.lowering import ModelInput, lower
from edgekit_converters.lowering.process import LoweringRequest
from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.golden import read_golden

HEIGHT, WIDTH = 6, 8
RGB = Preprocessing(HEIGHT, WIDTH, 3)
PIXELS = Preprocessing(HEIGHT, WIDTH, 3, scale=1.0)


@pytest.mark.parametrize(
    ("options", "usual", "pixel", "expected"),
    [
        # A pixel (red, green, blue) and what the model gets, by hand.
        pytest.param(ImageOptions(), RGB, (255, 0, 51), (1.0, 0.0, 0.2), id="usual"),
        pytest.param(ImageOptions(mean=(0.5,), std=(0.5,)), RGB, (255, 0, 51), (1.0, -1.0, -0.6), id="one-mean"),
        pytest.param(
            ImageOptions(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
            RGB,
            (255, 0, 51),
            # (1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225
            (2.2489083, -2.0357143, -0.9155556),
            id="torch",
        ),
        pytest.param(
            ImageOptions(mean=(103.939, 116.779, 123.68), color_order="bgr"),
            PIXELS,
            (255, 0, 51),
            # 51 - 103.939, 0 - 116.779, 255 - 123.68
            (-52.939, -116.779, 131.32),
            id="caffe",
        ),
    ],
)
def test_values_by_hand(
    options: ImageOptions, usual: Preprocessing, pixel: tuple[int, int, int], expected: tuple[float, float, float]
) -> None:
    preprocessing = options.applied_to(usual)
    assert preprocessing is not None
    image = np.full((HEIGHT, WIDTH, 3), pixel, np.uint8)
    np.testing.assert_allclose(preprocessing(image)[0, 0, 0], expected, rtol=1e-6)


def test_options_for_pictures_are_refused_where_there_are_none() -> None:
    assert ImageOptions().applied_to(None) is None
    with pytest.raises(UsageError, match="take images"):
        ImageOptions(resize="crop").applied_to(None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of many sizes in two classes, some grey, some with transparent parts."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(5)
    for number in range(24):
        place = folder / ("cat" if number % 2 else "dog")
        place.mkdir(exist_ok=True)
        sizes = (*rng.integers(3, 40, 2), *((), (3,), (4,))[number % 3])
        Image.fromarray(rng.integers(0, 256, sizes, np.uint8)).save(place / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Keras model whose scores are its input: what it answers is the tensor that it was given."""
    import keras

    path = tmp_path_factory.mktemp("model") / "model.keras"
    picture = keras.layers.Input((HEIGHT, WIDTH, 3), name="picture")
    keras.Model(picture, keras.layers.Flatten()(picture)).save(path)
    return path


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--pixel-range", "-1,1", "--resize", "crop"], id="signed-crop"),
        pytest.param(["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--resize", "pad"], id="torch-pad"),
        pytest.param(
            ["--pixel-range", "0,255", "--mean", "103.9,116.8,123.7", "--color-order", "bgr", "--resize", "nearest"],
            id="caffe-nearest",
        ),
    ],
)
def test_the_device_gets_the_very_tensor_that_validation_saw(
    options: list[str], model: Path, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    arguments = ["convert", str(model), "--data", str(folder), "-o", str(path), *options]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output

    device = edgekit_runtime.load(path, verify=True)
    packed = device.preprocessing
    assert packed is not None
    assert list(device.manifest.preprocessing.values()) == [packed]
    lowered = lower(LoweringRequest(model))
    request = DataRequest(str(folder))
    inputs = [replace(each, pixels=packed) for each in lowered.inputs]
    (name,) = (each.name for each in inputs)
    validation = open_data(request, inputs).everything
    calibration = open_calibration_data(request, lowered.model, inputs, samples=100)
    calibrated = {each: row[name][0] for each, row in _named(calibration.stream)}
    files = sorted(folder.rglob("*.png"))
    assert len(files) == 24
    seen = 0
    for file, values in _named(validation):
        expected = values[name][0]
        on_device = np.empty(expected.size, np.float32)
        for entry in device.classify(folder / file if not Path(file).is_absolute() else file, top_k=expected.size)[
            0
        ].top:
            on_device[int(entry.label)] = entry.score
        np.testing.assert_array_equal(on_device.view(np.uint32), expected.ravel().view(np.uint32))
        if file in calibrated:
            np.testing.assert_array_equal(calibrated[file], expected)
        seen += 1
    assert seen == len(files)
    assert calibrated
    # And the golden examples are stored as pixels that become these tensors.
    assert read_golden(path.read_bytes()).inputs[0].dtype == np.uint8


def _named(stream: object) -> list[tuple[str, dict[str, np.ndarray]]]:
    rows = []
    for batch in stream.batches(5):  # type: ignore[attr-defined]
        for row, name in enumerate(batch.names):
            rows.append((name, {key: values[row : row + 1] for key, values in batch.inputs.items()}))
    return rows


def test_the_input_of_another_model_keeps_its_own_size(folder: Path) -> None:
    """A preprocessing says how, the model says how large."""
    inputs = [ModelInput("picture", (-1, 10, 4, 3), "float32", pixels=RGB)]
    batch = next(open_data(DataRequest(str(folder)), inputs).everything.batches(2))
    assert batch.inputs["picture"].shape == (2, 10, 4, 3)
