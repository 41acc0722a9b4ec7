"""Groups, attributes and arrays: all that h5py writes for Keras is read as h5py reads it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

from edgekit_converters.keras_files.hdf5 import Array, Group, open_hdf5
from edgekit_runtime.errors import ModelFileError

# The versions of HDF5 whose ways of storing h5py may be told to use.
VERSIONS = ["earliest", "v108", "v110", "v112", "latest"]


def written(write: Callable[[h5py.File], None], version: str = "earliest") -> io.BytesIO:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=(version, "latest")) as file:
        write(file)
    return buffer


def opened(buffer: io.BytesIO) -> Group:
    return open_hdf5(buffer, len(buffer.getvalue()), "test.h5")


def assert_same(group: Group, expected: h5py.Group) -> None:
    assert list(group.members) == sorted(expected)
    assert set(group.attrs) == set(expected.attrs)
    for name, value in expected.attrs.items():
        ours = group.attrs[name]
        is_bytes = isinstance(value, bytes) or (isinstance(value, np.ndarray) and value.dtype.kind == "S")
        theirs = np.asarray(value).astype(str) if is_bytes else value
        assert np.array_equal(ours, theirs), name
    for name, member in expected.items():
        ours = group.members[name]
        if isinstance(member, h5py.Dataset):
            assert isinstance(ours, Array)
            values = ours.read()
            assert values.shape == ours.shape == member.shape
            np.testing.assert_array_equal(values, member[()])
        else:
            assert isinstance(ours, Group)
            assert_same(ours, member)


def few(file: h5py.File) -> None:
    file.attrs["text"] = "größer"
    file.attrs["bytes"] = np.bytes_(b"abc")
    file.attrs["long"] = "x" * 100_000
    file.attrs["number"] = 3
    file.attrs["real"] = np.float32(0.5)
    file.attrs["none"] = np.zeros(0)
    file.attrs["texts"] = ["a", "bcd", ""]
    file.attrs["fixed"] = [b"dense_1", b"b"]
    file["scalar"] = 1.5
    file["empty"] = np.zeros((0, 3), np.float32)
    file["dense/kernel:0"] = np.arange(6, dtype=np.float32).reshape(2, 3)
    file["big_endian"] = np.array([1.0, 2.0], ">f8")
    file["half"] = np.array([0.5, -2], np.float16)
    file["bytes"] = np.array([b"ab", b"c"])
    for kind in ("i1", "u1", "i4", "i8", "u8"):
        file[f"whole/{kind}"] = np.array([1, 2, 100], kind)


def many(file: h5py.File) -> None:
    for index in range(40):
        file.attrs[f"attribute_{index}"] = [f"value {index}", "x"]
    for index in range(2500):
        file.create_group(f"layer_{index}").attrs["weight_names"] = np.zeros(0)
    tracked = file.create_group("tracked", track_order=True)
    for index in range(60):
        tracked[f"member_{index}"] = index


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("write", [few, many])
def test_reads_what_h5py_writes(write: Callable[[h5py.File], None], version: str) -> None:
    buffer = written(write, version)
    group = opened(buffer)
    with h5py.File(buffer) as expected:
        assert_same(group, expected)


@pytest.mark.parametrize(
    "packing",
    [
        {},
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True},
        {"shuffle": True, "fletcher32": True},
        {"compression": "gzip", "compression_opts": 9, "shuffle": True, "fletcher32": True},
    ],
    ids=lambda packing: "+".join(packing) or "plain",
)
@pytest.mark.parametrize(
    ("shape", "chunks"), [((35, 47), (10, 9)), ((3000,), (7,)), ((5, 4, 3), (5, 4, 3)), ((2, 2), (2, 1))], ids=str
)
def test_reads_chunks(shape: tuple[int, ...], chunks: tuple[int, ...], packing: dict[str, Any]) -> None:
    values = np.random.default_rng(0).integers(0, 50, shape).astype(np.float32)
    buffer = written(lambda file: file.create_dataset("a", data=values, chunks=chunks, **packing))
    np.testing.assert_array_equal(opened(buffer).array("a"), values)


def test_without_values() -> None:
    group = opened(written(few)).without_values()
    array = group.array("dense/kernel:0")
    assert (array.shape, array.dtype, array.sum(), array.strides) == ((2, 3), np.float32, 0.0, (0, 0))
    assert group.attrs["number"] == 3


def test_walks_in_the_order_of_names() -> None:
    paths = [path for path, _ in opened(written(few)).walk()]
    assert paths[:6] == ["big_endian", "bytes", "dense", "dense/kernel:0", "empty", "half"]


def test_paths_are_hdf5s() -> None:
    group = opened(written(few))
    assert group.array("/dense//kernel:0").shape == group.group("./dense").array("kernel:0").shape == (2, 3)


def array_of_text(file: h5py.File) -> None:
    file.create_dataset("a", data=["x"], dtype=h5py.string_dtype())


def compound(file: h5py.File) -> None:
    file["a"] = np.zeros(2, [("x", "f4")])


def lzf(file: h5py.File) -> None:
    file.create_dataset("a", data=np.zeros(100), compression="lzf")


def two_names(file: h5py.File) -> None:
    file["b"] = file.create_group("a")


def circle(file: h5py.File) -> None:
    file["a/b/c"] = file.create_group("a")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (array_of_text, "an array of strings"),
        (compound, "values that are compounds"),
        (lzf, "is packed with lzf"),
        (two_names, "two names for one object"),
        (circle, "two names for one object"),
    ],
    ids=lambda value: "" if isinstance(value, str) else value.__name__,
)
def test_what_keras_does_not_write(write: Callable[[h5py.File], None], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        opened(written(write)).array("a")


def test_a_missing_array_is_named() -> None:
    with pytest.raises(ModelFileError, match="names the array 'dense/bias', which it doesn't have"):
        opened(written(few)).array("dense/bias")
