"""Every source of examples, good and bad."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekit.datasets import load_dataset
from edgekit.datasets.readers.stored_arrays import named_source
from edgekit_runtime.errors import DataError


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def pictures(count: int, height: int = 6, width: int = 5) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width), np.uint8)


def classes(count: int) -> np.ndarray:
    return (np.arange(count) % 2).astype(np.uint8)


def write_image_folder(folder: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 10, mode: str = "L") -> None:
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = pictures(1 + number * count + index)[0]
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{index}.png")


def test_digits_are_scans_in_mnist_s_form() -> None:
    digits = load_dataset("digits")
    assert digits.x_train.shape == (1437, 28, 28, 1)
    assert digits.x_test.shape == (360, 28, 28, 1)
    assert digits.x_train.dtype == np.uint8
    assert digits.labels == tuple("0123456789")
    assert digits.x_train.max() == 255
    # The digit fills the inner 20 × 20; the margin of 4 is dark.
    assert digits.x_train[:, :4].max() == digits.x_train[:, :, -4:].max() == 0
    assert np.bincount(digits.y_test).min() >= 34


def test_the_seed_chooses_what_is_held_back() -> None:
    first, again, other = (load_dataset("digits", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert first.digest == again.digest
    assert not np.array_equal(first.y_test, other.y_test)


def test_mnist_s_files_are_split_8000_to_2000(mnist_folder: Path) -> None:
    mnist = load_dataset(mnist_folder)
    assert mnist.x_train.shape == (8000, 28, 28, 1)
    assert mnist.x_test.shape == (2000, 28, 28, 1)
    everything = np.concatenate([mnist.x_train, mnist.x_test])
    assert len({image.tobytes() for image in everything}) == 10_000
    by_file = load_dataset(mnist_folder / "t10k-images-idx3-ubyte.gz")
    assert by_file.digest == mnist.digest


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_idx_files_with_a_split_keep_it(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    x, y = pictures(30), classes(30)
    for name, rows in (("train", slice(0, 20)), ("t10k", slice(20, 30))):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(pack(idx(x[rows])))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(pack(idx(y[rows])))
    data = load_dataset(tmp_path)
    np.testing.assert_array_equal(data.x_train[..., 0], x[:20])
    np.testing.assert_array_equal(data.y_test, y[20:])


def test_npz_with_x_and_y_is_split(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=pictures(50), y=classes(50))
    data = load_dataset(tmp_path / "data.npz")
    assert (len(data.x_train), len(data.x_test)) == (40, 10)
    assert data.x_train.shape[1:] == (6, 5, 1)
    assert np.bincount(data.y_test).tolist() == [5, 5]


def test_npz_in_keras_s_form_keeps_its_split(tmp_path: Path) -> None:
    x, y = pictures(30), classes(30)
    np.savez(tmp_path / "mnist.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    data = load_dataset(tmp_path / "mnist.npz")
    np.testing.assert_array_equal(data.x_test[..., 0], x[20:])


def test_one_hot_rows_and_names_are_classes_as_in_other_commands(tmp_path: Path) -> None:
    x, y = pictures(50), classes(50)
    for name, labels in (("numbers", y), ("one_hot", np.eye(2)[y]), ("names", np.array(["cat", "dog"])[y])):
        np.savez(tmp_path / f"{name}.npz", x=x, y=labels)
    numbers, one_hot, names = (load_dataset(tmp_path / f"{name}.npz") for name in ("numbers", "one_hot", "names"))
    assert numbers.digest == one_hot.digest == names.digest
    assert (numbers.labels, one_hot.labels, names.labels) == (("0", "1"), ("0", "1"), ("cat", "dog"))


def test_float_examples_stay_as_they_are(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 7))
    np.savez(tmp_path / "table.npz", x=x, y=classes(40).reshape(-1, 1))
    data = load_dataset(tmp_path / "table.npz")
    assert data.x_train.dtype == np.float32
    assert data.x_train.shape == (32, 7)
    assert data.y_train.dtype == np.int64


def test_image_folders_give_labels_and_one_size(tmp_path: Path) -> None:
    write_image_folder(tmp_path)
    data = load_dataset(tmp_path)
    assert data.labels == ("cat", "dog")
    assert data.x_train.shape == (16, 6, 5, 1)
    assert np.bincount(data.y_test).tolist() == [2, 2]
    adapted = load_dataset(tmp_path, image_size=(12, 10), channels=3)
    assert adapted.x_train.shape == (16, 12, 10, 3)


def test_colour_images_have_three_channels(tmp_path: Path) -> None:
    write_image_folder(tmp_path, mode="RGB")
    assert load_dataset(tmp_path).x_train.shape[1:] == (6, 5, 3)


def test_image_folders_with_train_and_test_keep_that_split(tmp_path: Path) -> None:
    write_image_folder(tmp_path / "train", count=8)
    write_image_folder(tmp_path / "test", count=3)
    data = load_dataset(tmp_path)
    # Images 1 to 3 of each class are the same files in both: they stay in the test only.
    assert len(data.x_test) == 6
    assert not {x.tobytes() for x in data.x_train} & {x.tobytes() for x in data.x_test}


def test_image_folders_call_the_held_back_part_validation_too(tmp_path: Path) -> None:
    write_image_folder(tmp_path / "train", count=8)
    write_image_folder(tmp_path / "validation", names=("dog",), count=1)
    data = load_dataset(tmp_path)
    assert data.labels == ("cat", "dog")
    assert data.y_test.tolist() == [1]


def test_photos_become_small_unless_a_size_is_asked_for(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(3):
            Image.fromarray(pictures(index + 1, 96, 256)[0]).save(tmp_path / name / f"{index}.png")
    # 256 becomes 128, and 96 half of itself.
    assert load_dataset(tmp_path).x_train.shape[1:] == (48, 128, 1)
    assert load_dataset(tmp_path, image_size=(96, 256)).x_train.shape[1:] == (96, 256, 1)


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    write_image_folder(tmp_path)
    (tmp_path / "cat" / "._0.png").write_bytes(b"what macOS leaves beside a file")
    (tmp_path / ".thumbnails").mkdir()
    Image.fromarray(pictures(1)[0]).save(tmp_path / ".thumbnails" / "0.png")
    data = load_dataset(tmp_path)
    assert data.labels == ("cat", "dog")
    assert len(data.x_train) + len(data.x_test) == 20


def test_plain_and_zipped_idx_files_stand_beside_each_other(tmp_path: Path) -> None:
    x, y = pictures(30), classes(30)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(y))
    zipped = load_dataset(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(x))
    both = load_dataset(tmp_path)
    assert len(both.x_train) == 24
    assert both.digest == zipped.digest


def test_pixels_in_wide_integers_become_uint8(tmp_path: Path) -> None:
    np.savez(tmp_path / "wide.npz", x=pictures(40).astype(np.int64), y=classes(40))
    np.savez(tmp_path / "narrow.npz", x=pictures(40), y=classes(40))
    wide, narrow = load_dataset(tmp_path / "wide.npz"), load_dataset(tmp_path / "narrow.npz")
    assert wide.x_train.dtype == np.uint8
    assert wide.digest == narrow.digest


def test_integers_that_are_no_pixels_stay_as_they_are(tmp_path: Path) -> None:
    words = np.random.default_rng(0).integers(0, 200, (40, 9))
    np.savez(tmp_path / "words.npz", x=words, y=classes(40))
    assert load_dataset(tmp_path / "words.npz").x_train.dtype == np.int64


def test_copies_stay_on_one_side(tmp_path: Path) -> None:
    x = pictures(20)
    np.savez(tmp_path / "copies.npz", x=np.concatenate([x, x, x]), y=np.concatenate([classes(20)] * 3))
    data = load_dataset(tmp_path / "copies.npz")
    assert len(data.x_train) + len(data.x_test) == 60
    assert not {x.tobytes() for x in data.x_train} & {x.tobytes() for x in data.x_test}


FUNCTIONS = """
import numpy as np
x, y = np.load("x.npy"), np.load("y.npy")
def arrays(): return x, y
def floats():
    for start in range(0, 50, 7): yield x[start : start + 7], y[start : start + 7].astype("f4")
def singles(): yield from zip(x, y.tolist())
def batches(): yield from ((x[row : row + 8], y[row : row + 8]) for row in range(0, 50, 8))
def one_hot(): yield from ((each, np.eye(2)[label]) for each, label in zip(x, y))
def unlabelled(): yield x
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module beside the arrays that its functions give."""
    np.save(tmp_path / "x.npy", pictures(50))
    np.save(tmp_path / "y.npy", classes(50))
    name = f"data_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    return f"python:{name}"


@pytest.mark.parametrize("function", ["arrays", "floats", "singles", "batches", "one_hot"])
def test_a_function_gives_the_same_as_a_file(function: str, functions: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=pictures(50), y=classes(50))
    given, stored = load_dataset(f"{functions}:{function}"), load_dataset(tmp_path / "data.npz")
    assert given.digest == stored.digest
    assert given.labels == ("0", "1")
    assert given.y_train.dtype == np.int64


@pytest.mark.parametrize(("function", "says"), [("unlabelled", "No labels came with"), ("absent", "imported")])
def test_a_function_that_nothing_is_learned_from_is_a_sentence(function: str, says: str, functions: str) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(f"{functions}:{function}")
    assert says in str(caught.value)


def test_a_folder_of_arrays_is_learned_from(tmp_path: Path) -> None:
    x, y = pictures(20), classes(20)
    for number in range(20):
        folder = tmp_path / ("cat", "dog")[y[number]]
        folder.mkdir(exist_ok=True)
        np.save(folder / f"{number:02}.npy", x[number])
    data = load_dataset(tmp_path)
    assert data.labels == ("cat", "dog")
    assert data.x_train.shape == (16, 6, 5, 1)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([data.x_train, data.x_test]).sum((1, 2, 3))), np.sort(x.sum((1, 2)))
    )


@pytest.mark.parametrize("count", [10, 64], ids=["in one batch", "in two"])
def test_pixels_beside_floats_are_a_sentence(count: int, tmp_path: Path) -> None:
    for name, dtype in (("cat", np.uint8), ("dog", np.float32)):
        (tmp_path / name).mkdir()
        for row, pixels in enumerate(pictures(count)):
            np.save(tmp_path / name / f"{row:02}.npy", pixels.astype(dtype))
    with pytest.raises(DataError, match="type") as caught:
        load_dataset(tmp_path)
    assert "uint8" in caught.value.expected
    assert "float32" in caught.value.received


def test_arrays_of_two_sizes_in_a_folder_are_a_sentence(tmp_path: Path) -> None:
    for name, width in (("cat", 5), ("dog", 4)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "0.npy", pictures(1, 6, width)[0])
    with pytest.raises(DataError, match=r"dog/0\.npy has another size") as caught:
        load_dataset(tmp_path)
    assert (caught.value.expected, caught.value.received) == ("uint8 (6, 5)", "uint8 (6, 4)")


def test_training_images_that_are_in_the_test_part_are_left_out_of_named_data() -> None:
    x, y = pictures(30), classes(30)
    arrays = {"x_train": x[:20], "y_train": y[:20], "x_test": x[15:], "y_test": y[15:]}
    source = named_source("mnist", arrays, ("zero", "one"))
    [values] = source.read(np.arange(source.count)).values()
    np.testing.assert_array_equal(values[..., 0], x)
    assert source.held_back is not None
    assert source.held_back.tolist() == [False] * 15 + [True] * 15
    assert (source.name_of(14), source.name_of(15)) == ("train 14", "test 0")
    assert source.labels == ("zero", "one")


def bad_absent(folder: Path) -> Path:
    return folder / "absent"


def bad_empty_folder(folder: Path) -> Path:
    return folder


def bad_one_class(folder: Path) -> Path:
    write_image_folder(folder, names=("cat",))
    return folder


def bad_no_images(folder: Path) -> Path:
    (folder / "cat").mkdir()
    (folder / "cat" / "notes.md").write_text("nothing to see")
    return folder


def bad_image(folder: Path) -> Path:
    write_image_folder(folder)
    (folder / "dog" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return folder


def bad_nan(folder: Path) -> Path:
    x = np.ones((20, 3))
    x[3, 1] = np.nan
    np.savez(folder / "nan.npz", x=x, y=classes(20))
    return folder / "nan.npz"


def bad_label_count(folder: Path) -> Path:
    np.savez(folder / "short.npz", x=pictures(20), y=classes(19))
    return folder / "short.npz"


def bad_label_type(folder: Path) -> Path:
    np.savez(folder / "halves.npz", x=pictures(20), y=classes(20) + 0.5)
    return folder / "halves.npz"


def bad_negative_label(folder: Path) -> Path:
    np.savez(folder / "negative.npz", x=pictures(20), y=classes(20).astype(int) - 1)
    return folder / "negative.npz"


def bad_names(folder: Path) -> Path:
    np.savez(folder / "names.npz", images=pictures(20), targets=classes(20))
    return folder / "names.npz"


def bad_pickle(folder: Path) -> Path:
    np.savez(folder / "objects.npz", x=np.array([{"a": 1}] * 20, dtype=object), y=classes(20))
    return folder / "objects.npz"


def bad_text(folder: Path) -> Path:
    (folder / "text.npz").write_text("this is no archive")
    return folder / "text.npz"


def bad_single_class(folder: Path) -> Path:
    np.savez(folder / "single.npz", x=pictures(20), y=np.zeros(20, int))
    return folder / "single.npz"


def bad_truncated_idx(folder: Path) -> Path:
    (folder / "a-images-idx3-ubyte").write_bytes(idx(pictures(20))[:-7])
    (folder / "a-labels-idx1-ubyte").write_bytes(idx(classes(20)))
    return folder


def bad_idx_without_labels(folder: Path) -> Path:
    (folder / "a-images-idx3-ubyte").write_bytes(idx(pictures(20)))
    return folder


def bad_idx_bomb(folder: Path) -> Path:
    header = bytes((0, 0, 8, 3)) + struct.pack(">3I", 2**31, 2**15, 2**15)
    (folder / "a-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + bytes(1000)))
    (folder / "a-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(classes(20))))
    return folder


def bad_infinite_label(folder: Path) -> Path:
    np.savez(folder / "infinite.npz", x=pictures(20), y=np.where(classes(20) == 1, np.inf, 0))
    return folder / "infinite.npz"


def bad_label_beyond_sense(folder: Path) -> Path:
    np.savez(folder / "prices.npz", x=pictures(20), y=classes(20).astype(int) * 350_000)
    return folder / "prices.npz"


def bad_single_number(folder: Path) -> Path:
    np.savez(folder / "number.npz", x=3, y=classes(20))
    return folder / "number.npz"


def bad_text_examples(folder: Path) -> Path:
    np.savez(folder / "mails.npz", x=np.array(["ham", "spam"] * 10), y=classes(20))
    return folder / "mails.npz"


def bad_beyond_float32(folder: Path) -> Path:
    np.savez(folder / "huge.npz", x=np.full((20, 3), 1e39), y=classes(20))
    return folder / "huge.npz"


def bad_two_sizes(folder: Path) -> Path:
    x, y = pictures(20), classes(20)
    np.savez(folder / "sizes.npz", x_train=x, y_train=y, x_test=x[:, :3], y_test=y)
    return folder / "sizes.npz"


def bad_nothing_to_learn_from(folder: Path) -> Path:
    x, y = pictures(20), classes(20)
    np.savez(folder / "same.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return folder / "same.npz"


def bad_single_example_of_a_class(folder: Path) -> Path:
    y = classes(20)
    y[0] = 2
    np.savez(folder / "lone.npz", x=pictures(20), y=y)
    return folder / "lone.npz"


def bad_truncated_npz(folder: Path) -> Path:
    np.savez(folder / "cut.npz", x=pictures(20), y=classes(20))
    content = (folder / "cut.npz").read_bytes()
    (folder / "cut.npz").write_bytes(content[:-100])
    return folder / "cut.npz"


def bad_flipped_bits(folder: Path) -> Path:
    np.savez_compressed(folder / "flipped.npz", x=pictures(20), y=classes(20))
    content = bytearray((folder / "flipped.npz").read_bytes())
    content[300] ^= 0xFF
    (folder / "flipped.npz").write_bytes(content)
    return folder / "flipped.npz"


def bad_npz_bomb(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"")
        archive.writestr("y.npy", b"")
        # What the directory at the file's end will state.
        archive.getinfo("x.npy").file_size = 5_000_000_000
    return folder / "bomb.npz"


def bad_npz_header(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "header.npz", "w") as archive:
        for name in ("x.npy", "y.npy"):
            # A bracket that is never closed.
            archive.writestr(name, b"\x93NUMPY\x01\x00\x0a\x00{'descr': (\n")
    return folder / "header.npz"


def bad_idx_of_floats(folder: Path) -> Path:
    (folder / "a-images-idx3-ubyte").write_bytes(bytes((0, 0, 0x0D, 3)) + bytes(12))
    (folder / "a-labels-idx1-ubyte").write_bytes(idx(classes(20)))
    return folder


def bad_truncated_gzip(folder: Path) -> Path:
    (folder / "a-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pictures(20)))[:-50])
    (folder / "a-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(classes(20))))
    return folder


def bad_unlabelled(folder: Path) -> Path:
    np.savez(folder / "unlabelled.npz", x=pictures(20))
    return folder / "unlabelled.npz"


def bad_label_maps(folder: Path) -> Path:
    np.savez(folder / "maps.npz", x=pictures(20), y=pictures(20))
    return folder / "maps.npz"


def bad_split_without_test(folder: Path) -> Path:
    write_image_folder(folder / "train")
    return folder


def bad_unknown_class(folder: Path) -> Path:
    write_image_folder(folder / "train")
    write_image_folder(folder / "test", names=("cow",))
    return folder


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bad_absent, "There is no data set"),
        (bad_empty_folder, "is empty"),
        (bad_one_class, "one class only"),
        (bad_no_images, "no files of examples"),
        (bad_image, r"broken\.png"),
        (bad_nan, "are not finite"),
        (bad_label_count, "labels of .* do not fit"),
        (bad_label_type, "numbers such as 0.5"),
        (bad_negative_label, "numbers such as -1"),
        (bad_names, "none of the arrays"),
        (bad_pickle, "could not be read"),
        (bad_text, "could not be read as .npz"),
        (bad_single_class, "one class only"),
        (bad_truncated_idx, "is truncated"),
        (bad_idx_without_labels, "has no labels"),
        (bad_idx_bomb, "an implausible size"),
        (bad_infinite_label, "infinity in 10 of 20 labels"),
        (bad_label_beyond_sense, "a label 350000"),
        (bad_single_number, "has no examples"),
        (bad_text_examples, "are not numbers"),
        (bad_beyond_float32, "in 20 of 20 examples"),
        (bad_two_sizes, "different sizes"),
        (bad_nothing_to_learn_from, "are nearly all among its test examples"),
        (bad_single_example_of_a_class, "one of class 2"),
        (bad_truncated_npz, "could not be read as .npz"),
        (bad_flipped_bits, "could not be read as .npz"),
        (bad_npz_bomb, r"unpacks to 5\.0 GB"),
        (bad_npz_header, "could not be read as .npz"),
        (bad_idx_of_floats, "not an IDX file of bytes"),
        (bad_truncated_gzip, "could not be read"),
        (bad_unlabelled, "No labels came with"),
        (bad_label_maps, r"labels of shape \(20, 6, 5\)"),
        (bad_split_without_test, "is nested deeper"),
        (bad_unknown_class, "cow"),
    ],
    ids=lambda value: value.__name__.removeprefix("bad_") if callable(value) else "",
)
def test_bad_data_is_a_sentence(make: Callable[[Path], Path], says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says) as caught:
        load_dataset(make(tmp_path))
    assert caught.value.expected
    assert caught.value.received
    assert caught.value.next_step
