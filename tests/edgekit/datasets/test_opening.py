"""Data opened for a model: every kind of source, the parts, and what reading gives."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekit.datasets import load_dataset
from edgekit.datasets.opening import DataRequest, ModelData, open_data
from edgekit.datasets.streams import Batch, ExampleStream
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError, UsageError

ROW = ModelInput("row", (-1, 3), "float32")
PICTURE = ModelInput("image", (-1, 6, 5, 1), "float32", pixels=(0.0, 1.0))
SOUND = ModelInput("wave", (-1, 8), "float32")
TWO = (ModelInput("left", (-1, 2), "float32"), ModelInput("right", (-1, 3), "int32"))


def opened(source: object, *inputs: ModelInput, **said: str) -> ModelData:
    return open_data(DataRequest(str(source), **said), inputs)  # type: ignore[arg-type]


def read(stream: ExampleStream, size: int = 7) -> Batch:
    """All of a stream as one batch, read in small pieces."""
    batches = list(stream.batches(size))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(len(values) == len(batch) for batch in batches for values in batch.inputs.values())
    return Batch(
        inputs={name: np.concatenate([batch.inputs[name] for batch in batches]) for name in batches[0].inputs},
        ground_truth={
            name: np.concatenate([batch.ground_truth[name] for batch in batches]) for name in batches[0].ground_truth
        },
        groups=None if batches[0].groups is None else np.concatenate([b.groups for b in batches]),  # type: ignore[misc]
        names=tuple(name for batch in batches for name in batch.names),
    )


def rows(count: int, width: int = 3) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, width)).astype(np.float32)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 6, 5), np.uint8)


def test_the_held_back_part_is_that_of_training(tmp_path: Path) -> None:
    x, y = pictures(60), np.arange(60) % 3
    np.savez(tmp_path / "stored.npz", x=x, y=y)
    np.savez_compressed(tmp_path / "packed.npz", x=x.astype(np.int64), y=y)
    trained_on = load_dataset(tmp_path / "stored.npz", seed=4)
    for name in ("stored.npz", "packed.npz"):
        data = open_data(DataRequest(str(tmp_path / name), seed=4), [PICTURE])
        held_back = read(data.held_back)
        np.testing.assert_allclose(held_back.inputs["image"] * 255, trained_on.x_test, atol=1e-4)
        np.testing.assert_array_equal(held_back.y, trained_on.y_test)
        assert data.calibration.count == len(trained_on.x_train)


def test_a_folder_of_images_is_split_as_in_training(tmp_path: Path) -> None:
    for number, image in enumerate(pictures(30)):
        folder = tmp_path / ("cat", "dog")[number % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    data, trained_on = opened(tmp_path, PICTURE), load_dataset(tmp_path)
    held_back = read(data.held_back)
    np.testing.assert_allclose(held_back.inputs["image"] * 255, trained_on.x_test, atol=1e-4)
    np.testing.assert_array_equal(held_back.y, trained_on.y_test)
    assert data.labels == ("cat", "dog")
    assert all(name.startswith(("cat/", "dog/")) for name in held_back.names)


def test_calibration_and_the_held_back_part_share_no_example(tmp_path: Path) -> None:
    x = np.concatenate([rows(40)] * 2)
    np.save(tmp_path / "x.npy", x)
    data = opened(tmp_path / "x.npy", ROW)
    calibration, held_back = (
        {row.tobytes() for row in read(part).inputs["row"]} for part in (data.calibration, data.held_back)
    )
    assert len(calibration) == 32
    assert len(held_back) == 8
    assert not calibration & held_back
    assert read(data.everything).ground_truth == {}


def test_the_parts_of_the_source_stay(tmp_path: Path) -> None:
    x = rows(30)
    np.savez(tmp_path / "x.npz", x_train=x[:20], x_test=x[15:])
    data = opened(tmp_path / "x.npz", ROW)
    np.testing.assert_array_equal(read(data.held_back).inputs["row"], x[15:])
    # Five examples are in both parts: they are for testing only.
    np.testing.assert_array_equal(read(data.calibration).inputs["row"], x[:15])


def test_a_sample_is_drawn_by_its_seed(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", rows(50))
    stream = opened(tmp_path / "x.npy", ROW).everything
    first, again, other = (stream.sample(10, seed=seed) for seed in (1, 1, 2))
    assert first.count == 10
    assert first.digest == again.digest != other.digest
    np.testing.assert_array_equal(read(first).inputs["row"], read(again).inputs["row"])
    numbers = [int(name) for name in read(first).names]
    assert numbers == sorted(numbers)


def test_an_array_stays_in_its_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=rows(30), y=np.arange(30) % 2)
    data = opened(tmp_path / "x.npz", ROW)
    # What is read comes from the file as it is now.
    content = bytearray((tmp_path / "x.npz").read_bytes())
    start = content.index(rows(30)[:1].tobytes())
    content[start : start + 12] = np.array([7, 8, 9], np.float32).tobytes()
    (tmp_path / "x.npz").write_bytes(content)
    np.testing.assert_array_equal(read(data.everything).inputs["row"][0], [7, 8, 9])


def test_several_inputs_by_name(tmp_path: Path) -> None:
    left, right = rows(20, 2), np.arange(60).reshape(20, 3)
    np.savez(tmp_path / "two.npz", left=left, right=right, y=np.arange(20) % 2)
    batch = read(opened(tmp_path / "two.npz", *TWO).everything)
    np.testing.assert_array_equal(batch.inputs["left"], left)
    np.testing.assert_array_equal(batch.inputs["right"], right)
    assert batch.inputs["right"].dtype == np.int32


def test_several_inputs_in_a_sub_folder_each(tmp_path: Path) -> None:
    left, right = rows(20, 2), np.arange(60).reshape(20, 3)
    for name, values in (("left", left), ("right", right)):
        (tmp_path / name).mkdir()
        for number, value in enumerate(values):
            np.save(tmp_path / name / f"{number:02d}.npy", value)
    batch = read(opened(tmp_path, *TWO).everything)
    np.testing.assert_array_equal(batch.inputs["left"], left)
    np.testing.assert_array_equal(batch.inputs["right"], right)
    (tmp_path / "right" / "03.npy").unlink()
    with pytest.raises(DataError, match="hold different files") as caught:
        opened(tmp_path, *TWO)
    assert "03" in caught.value.received


@pytest.mark.parametrize(
    ("text", "said", "labels"),
    [
        ("1,2,3,0\n4,5,6,1\n", {}, ()),
        ("a,b,c,d\n1,2,3,0\n4,5,6,1\n", {}, ()),
        ("label;a;b;c\n0;1;2;3\n1;4;5;6\n", {}, ()),
        ("a\tb\tc\tkind\n1\t2\t3\tcat\n4\t5\t6\tdog\n", {"label_column": "kind"}, ("cat", "dog")),
        ("cat,1,2,3\n\ndog,4,5,6\n", {"label_column": "1"}, ("cat", "dog")),
        ("1,2,3,x,cat\n4,5,6,y,dog\n", {"slice_by": "4", "label_column": "-1"}, ("cat", "dog")),
    ],
    ids=["bare", "heading", "label first, semicolons", "named column, tabs", "no heading, text first", "slices"],
)
def test_tables(text: str, said: dict[str, str], labels: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    data = opened(tmp_path / "t.csv", ROW, **said)
    batch = read(data.everything)
    np.testing.assert_array_equal(batch.inputs["row"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(batch.y, [0, 1])
    assert data.labels == labels
    assert (None if batch.groups is None else batch.groups.tolist()) == (["x", "y"] if "slice_by" in said else None)


def test_a_table_without_labels(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("1,2,3\n4,5,6\n")
    assert read(opened(tmp_path / "t.csv", ROW).everything).y is None


def test_real_targets_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("1,2,3,0.5\n4,5,6,-1\n")
    y = read(opened(tmp_path / "t.csv", ROW).everything).y
    assert y is not None
    assert (y.dtype, y.tolist()) == (np.float32, [0.5, -1.0])


def wav(path: Path, samples: np.ndarray, width: int, rate: int = 16_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


@pytest.mark.parametrize(
    ("width", "stored"),
    [
        (1, np.array([0, 64, 128, 192], np.uint8)),
        (2, np.array([-32768, -16384, 0, 16384], "<i2")),
        # Three bytes a sample, the lowest first.
        (3, np.frombuffer(bytes.fromhex("000080 0000c0 000000 000040"), np.uint8)),
        (4, np.array([-(2**31), -(2**30), 0, 2**30], "<i4")),
    ],
    ids=["8 bits", "16 bits", "24 bits", "32 bits"],
)
def test_recordings_are_from_minus_1_to_1(width: int, stored: np.ndarray, tmp_path: Path) -> None:
    for name in ("yes", "no"):
        wav(tmp_path / name / "a.wav", stored, width)
    data = opened(tmp_path, SOUND)
    batch = read(data.everything)
    np.testing.assert_array_equal(batch.inputs["wave"], [[-1, -0.5, 0, 0.5, 0, 0, 0, 0]] * 2)
    assert batch.inputs["wave"].dtype == np.float32
    assert batch.names == ("no/a.wav", "yes/a.wav")
    assert data.everything.notes == ("recordings of 16,000 Hz as 8 samples: 2 filled with silence",)


def test_long_recordings_are_cut_and_channels_averaged(tmp_path: Path) -> None:
    two_channels = np.stack([np.full(12, 16384), np.zeros(12)], 1).astype("<i2")
    wav(tmp_path / "a.wav", two_channels, 2)
    wav(tmp_path / "b.wav", two_channels[::-1] + 1, 2)
    with_channel = ModelInput("wave", (-1, 8, 1), "float32")
    stream = opened(tmp_path, with_channel).everything
    assert read(stream).inputs["wave"][0].tolist() == [[0.25]] * 8
    assert "2 cut" in stream.notes[0]


def test_recordings_of_different_rates_are_refused(tmp_path: Path) -> None:
    wav(tmp_path / "a.wav", np.zeros(8, "<i2"), 2)
    wav(tmp_path / "b.wav", np.ones(8, "<i2"), 2, rate=8_000)
    with pytest.raises(DataError, match="another sample rate"):
        read(opened(tmp_path, SOUND).everything)


def test_slices_are_the_folders_above_the_classes(tmp_path: Path) -> None:
    for number, image in enumerate(pictures(16)):
        folder = tmp_path / ("day", "night")[number // 8] / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    data = opened(tmp_path, PICTURE, slice_by="folder")
    batch = read(data.everything)
    assert batch.groups is not None
    assert data.labels == ("cat", "dog")
    assert all(name.startswith(group) for name, group in zip(batch.names, batch.groups, strict=True))
    assert set(batch.groups) == {"day", "night"}


def test_classes_get_the_numbers_that_the_model_gave_them(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.fromarray(pictures(ord(name[0]))[0]).save(tmp_path / name / "0.png")
    data = open_data(DataRequest(str(tmp_path)), [PICTURE], labels=("dog", "cow", "cat"))
    np.testing.assert_array_equal(read(data.everything).y, [2, 0])
    assert data.labels == ("dog", "cow", "cat")


FUNCTIONS = """
import numpy as np
x = np.arange(150, dtype=np.float32).reshape(50, 3)
y = np.arange(50) % 2
calls = 0

def array(): return x
def pair(): return x, y
def by_name(): return {"row": x, "y": y}
def singles():
    global calls
    calls += 1
    yield from x
def labelled(): yield from zip(x, y)
def batches():
    for start in range(0, 50, 8):
        yield x[start:start + 8], y[start:start + 8]
def dicts():
    for row, kind in zip(x, y):
        yield {"row": row, "y": kind, "site": "north" if kind else "south"}
def lists():
    for row in x:
        yield [row[np.newaxis]]
def endless():
    while True:
        yield np.random.default_rng(0).normal(size=3)
def failing():
    yield x[0]
    raise KeyError("no such column")
def nothing(): return 3
def empty(): yield from ()
def shapes(): yield np.zeros(4)
def words(): yield x[0], "cat"
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_data.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "my_data", raising=False)


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("name", "has_labels"),
    [("array", False), ("pair", True), ("by_name", True), ("singles", False), ("labelled", True), ("batches", True),
     ("dicts", True), ("lists", False)],
)  # fmt: skip
def test_a_function_of_the_user_s(name: str, has_labels: bool) -> None:
    data = opened(f"python:my_data:{name}", ROW)
    batch = read(data.everything)
    np.testing.assert_array_equal(batch.inputs["row"], np.arange(150).reshape(50, 3))
    assert (None if batch.y is None else batch.y.tolist()) == (
        [number % 2 for number in range(50)] if has_labels else None
    )
    calibration, held_back = (set(read(part).names) for part in (data.calibration, data.held_back))
    assert len(calibration | held_back) == 50
    assert not calibration & held_back
    assert 3 <= len(held_back) <= 20
    assert len(data.calibration.digest) == 64
    assert data.calibration.digest == opened(f"python:my_data:{name}", ROW).calibration.digest


@pytest.mark.usefixtures("functions")
def test_a_function_is_read_no_further_than_needed() -> None:
    sample = opened("python:my_data:endless", ROW).everything.sample(20, seed=0)
    assert len(read(sample).names) == 20
    assert sample.count is None


@pytest.mark.usefixtures("functions")
def test_a_function_s_slices() -> None:
    batch = read(opened("python:my_data:dicts", ROW, slice_by="site").everything)
    assert batch.groups is not None
    assert batch.groups[:3].tolist() == ["south", "north", "south"]


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my_data:failing", "KeyError"),
        ("my_data:nothing", "int"),
        ("my_data:empty", "gave no examples"),
        ("my_data:shapes", "3 per example"),
        ("my_data:words", "names of classes"),
        ("my_data:absent", "could not be imported"),
        ("no_such_module:x", "could not be imported"),
        ("my_data:x", "is not a function"),
    ],
)
def test_a_function_that_fails_is_a_sentence(name: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read(opened(f"python:{name}", ROW).everything)
    assert says in str(caught.value)


def test_a_function_needs_its_module() -> None:
    with pytest.raises(UsageError, match="does not name a function"):
        opened("python:my_data", ROW)


def bad_cell(folder: Path) -> Path:
    (folder / "t.csv").write_text("a,b,c,label\n1,2,3,0\n4,five,6,1\n")
    return folder / "t.csv"


def bad_gap(folder: Path) -> Path:
    (folder / "t.csv").write_text("1,2,3,0\n4,,6,1\n")
    return folder / "t.csv"


def bad_length(folder: Path) -> Path:
    (folder / "t.csv").write_text("1,2,3,0\n4,5,1\n")
    return folder / "t.csv"


def bad_width(folder: Path) -> Path:
    (folder / "t.csv").write_text("1,2,3,4,5\n6,7,8,9,10\n")
    return folder / "t.csv"


def bad_heading_only(folder: Path) -> Path:
    (folder / "t.csv").write_text("a,b,c\n")
    return folder / "t.csv"


def bad_nan(folder: Path) -> Path:
    (folder / "t.csv").write_text("1,2,3\n4,nan,6\n")
    return folder / "t.csv"


def bad_bytes(folder: Path) -> Path:
    (folder / "t.csv").write_bytes(b"\xff\xfe\x00\x81")
    return folder / "t.csv"


def bad_wav(folder: Path) -> Path:
    (folder / "a.wav").write_bytes(b"RIFF\x00\x00")
    return folder


def bad_kinds(folder: Path) -> Path:
    np.save(folder / "a.npy", rows(1)[0])
    (folder / "b.wav").write_bytes(b"")
    return folder


def bad_npy(folder: Path) -> Path:
    (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00")
    return folder


def bad_objects(folder: Path) -> Path:
    np.savez(folder / "o.npz", x=np.array([{}, {}], object))
    return folder / "o.npz"


def bad_truncated(folder: Path) -> Path:
    np.save(folder / "x.npy", rows(30))
    content = (folder / "x.npy").read_bytes()
    (folder / "x.npy").write_bytes(content[:-20])
    return folder / "x.npy"


def bad_absent(folder: Path) -> Path:
    return folder / "absent"


def bad_label_lengths(folder: Path) -> Path:
    np.savez(folder / "x.npz", x=rows(20), y=np.zeros(19))
    return folder / "x.npz"


def bad_loose_file(folder: Path) -> Path:
    (folder / "cat").mkdir()
    np.save(folder / "cat" / "a.npy", rows(1)[0])
    np.save(folder / "b.npy", rows(2)[0])
    return folder


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bad_cell, "line 3: a cell is not a number"),
        (bad_gap, "an empty cell"),
        (bad_length, "line 2: another number of columns"),
        (bad_width, "5 columns"),
        (bad_heading_only, "no lines of numbers"),
        (bad_nan, "NaN or infinity in 1 of"),
        (bad_bytes, "could not be read as a table"),
        (bad_wav, "could not be read as WAV"),
        (bad_kinds, "files of several kinds"),
        (bad_npy, "could not be read as .npy"),
        (bad_objects, "arrays of Python objects"),
        (bad_truncated, "an end before"),
        (bad_absent, "There is no data set"),
        (bad_label_lengths, "one for each of 20 examples"),
        (bad_loose_file, "some beside these"),
    ],
    ids=lambda value: value.__name__.removeprefix("bad_") if callable(value) else "",
)
def test_bad_data_is_a_sentence(make: Callable[[Path], Path], says: str, tmp_path: Path) -> None:
    model_input = SOUND if make is bad_wav else ROW
    with pytest.raises(DataError) as caught:
        read(opened(make(tmp_path), model_input).everything)
    assert says in str(caught.value)


def test_slices_that_the_data_does_not_have_are_refused() -> None:
    with pytest.raises(DataError, match="nothing called site"):
        opened("digits", ModelInput("image", (-1, 28, 28, 1), "float32", pixels=(0.0, 1.0)), slice_by="site")


def test_a_column_of_labels_goes_with_a_table() -> None:
    with pytest.raises(UsageError, match="applies to tables only"):
        opened("digits", ROW, label_column="kind")
