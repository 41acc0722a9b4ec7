"""Small files that state or hold what no data set has: a sentence each, in little memory and time."""

from __future__ import annotations

import gzip
import io
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.datasets.ground_truth import as_ground_truth
from edgekit.datasets.opening import DataRequest, open_data
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError

#: What opening may take beyond the process as it is; 7.7 GB were taken before.
MOST_BYTES = 300_000_000
MOST_CPU_SECONDS = 20

OPENS = """
import resource, sys
from edgekit.datasets import load_dataset
from edgekit.datasets.opening import DataRequest, open_data
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import EdgekitError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for opens in (
    lambda: list(open_data(DataRequest(sys.argv[1]), [ModelInput("x", (-1, 4), "float32")]).everything.batches(64)),
    lambda: load_dataset(sys.argv[1], seed=0),
):
    try:
        opens()
        print("taken")
    except EdgekitError as error:
        print(str(error).replace(chr(10), " | "))
usage = resource.getrusage(resource.RUSAGE_SELF)
print(1024 * (usage.ru_maxrss - before))
print(usage.ru_utime + usage.ru_stime)
"""


def opened_in_a_child(path: Path) -> list[str]:
    """What opening a file says, for a model and for training; its memory and CPU time are bounded."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))  # noqa: E731
    done = subprocess.run([sys.executable, "-c", OPENS, str(path)], capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 0, done.stderr
    *said, memory, seconds = done.stdout.splitlines()
    assert int(memory) < MOST_BYTES, said
    assert float(seconds) < MOST_CPU_SECONDS, said
    return said


def header(descr: str, shape: str) -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


HEADERS = {
    "no bytes a value": ("|V0", "(1000000000,)", "neither numbers nor text"),
    "texts of no characters": ("|S0", "(1000000000,)", "neither numbers nor text"),
    "structures": ("|V8", "(2,)", "neither numbers nor text"),
    "complex numbers": ("<c8", "(2,)", "neither numbers nor text"),
    "dates": ("<M8[s]", "(2,)", "neither numbers nor text"),
    "examples without values": ("<f4", "(1000000000, 0)", "1,000,000,000 examples, more than 20,000,000"),
    "fewer examples without values": ("<f4", "(1000, 0, 4)", "1,000 examples without values"),
    "truth as a size": ("<f4", "(True, 4)", "could not be read"),
    "a negative size": ("<f4", "(-1, 4)", "could not be read"),
    "sizes beyond sense": ("<f4", "(4, 10000000000000000000000)", "could not be read"),
    "65 dimensions": ("<f4", f"({'1, ' * 65})", "65 dimensions, more than 32"),
}


@pytest.mark.parametrize(("descr", "shape", "says"), HEADERS.values(), ids=list(HEADERS))
@pytest.mark.parametrize("form", ["npy", "npz", "packed npz"])
def test_a_header_that_states_no_examples_is_refused(
    descr: str, shape: str, says: str, form: str, tmp_path: Path
) -> None:
    content = header(descr, shape) + bytes(16)
    path = tmp_path / f"data.{form.rsplit(maxsplit=1)[-1]}"
    if form == "npy":
        path.write_bytes(content)
    else:
        kind = zipfile.ZIP_DEFLATED if form == "packed npz" else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", kind) as archive:
            archive.writestr("x.npy", content)
    with pytest.raises(DataError, match=r"data\.npy|data\.npz") as caught:
        open_data(DataRequest(str(path)), [ModelInput("x", (-1, 4), "float32")])
    assert says in str(caught.value)


@pytest.mark.parametrize("descr", ["|V0", "|S0"])
def test_a_header_of_no_bytes_takes_no_memory(descr: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        for name in ("x", "y"):
            archive.writestr(f"{name}.npy", header(descr, "(1000000000,)"))
    assert all("neither numbers nor text" in line for line in opened_in_a_child(tmp_path / "data.npz"))


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0.0, 1e300]),
        np.array([0.0, 9e18]),
        np.array([0.5, 1e300]),
        np.array([0, 2**62]),
        np.array([0, 2**63], np.uint64),
        np.array([0, -(2**63)]),
        np.array([[0.0, 1e300], [1.0, 2.0]]),
    ],
    ids=["1e300", "9e18", "a real 1e300", "2^62", "2^63", "-2^63", "a row with 1e300"],
)
def test_labels_beyond_sense_are_a_sentence(labels: np.ndarray) -> None:
    with pytest.raises(DataError, match="labels of data are too large"):
        as_ground_truth("data", labels, len(labels))


def test_large_real_targets_and_classes_are_kept() -> None:
    ground_truth = as_ground_truth("data", np.array([0.5, 3e38, -3e38]), 3).values
    assert ground_truth.dtype == np.float32
    classes = as_ground_truth("data", np.array([0, 2**31 - 1]), 2).values
    assert classes.tolist() == [0, 2**31 - 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2,3,4\n1,2,٣,4\n", "line 2: a cell is not a number"),
        ("1,2,3,4\n1,2,1_0,4\n", "line 2: a cell is not a number"),
        ('1,2,3,4\n1,2,"3,4\n1,2,3,4\n', "line 2: a quotation mark is not closed on its line"),
        ('1,2,3,4\n\n\n1,2,"3,4\n' + "1,2,3,4\n" * 100_000, "line 4: a quotation mark is not closed on its line"),
        ("1,2,3,4,1e300\n1,2,3,4,0\n", "are too large"),
        ("1,2,3,4,9e18\n1,2,3,4,0\n", "are too large"),
        ("1,2,3,4\n" + "\n" * 1_000_002, "more than 1,000,000 empty lines"),
        ("1,2,3,4\n" + "," * 10_000_001, "line 2 is too long"),
        ("\n\n1,2,3,4\n\n1,2,3\n", "line 5: another number of columns"),
    ],
    ids=["arabic", "underscore", "quote", "long quote", "1e300", "9e18", "blank", "long", "numbers"],
)  # fmt: skip
def test_an_odd_table_is_a_sentence_that_says_where(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.csv") as caught:
        open_data(DataRequest(str(tmp_path / "data.csv")), [ModelInput("x", (-1, 4), "float32")])
    assert says in str(caught.value)


def test_a_flood_of_empty_lines_ends_early(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"1,2,3,4\n" + b"\n" * 100_000_000)
    said = opened_in_a_child(tmp_path / "data.csv")
    assert "more than 1,000,000 empty lines" in said[0]


def idx(shape: tuple[int, ...], content: bytes) -> bytes:
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + content


def gzipped_zeros(count: int, start: bytes) -> bytes:
    """A gzip file of ``start`` and many zeros, made in little memory."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(start)
        for _ in range(count // (1 << 20)):
            stream.write(bytes(1 << 20))
    return buffer.getvalue()


def test_a_zipped_bomb_of_images_is_not_unpacked_for_other_labels(tmp_path: Path) -> None:
    images = idx((1 << 19, 32, 32), b"")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzipped_zeros(1 << 29, images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((1000,), bytes(1000)))
    for said in opened_in_a_child(tmp_path / "train-images-idx3-ubyte.gz"):
        assert "train-labels-idx1-ubyte does not fit train-images-idx3-ubyte.gz" in said
        assert "labels of shape (1000,)" in said


@pytest.mark.parametrize("change", [lambda good: good[:-1], lambda good: good + b"x"], ids=["shorter", "longer"])
def test_images_of_another_size_than_stated_are_refused(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(change(idx((4, 2, 2), bytes(range(16)))))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((4,), bytes(4)))
    with pytest.raises(DataError, match=r"is truncated|longer than it states"):
        open_data(DataRequest(str(path)), [ModelInput("x", (-1, 2, 2), "float32")])
