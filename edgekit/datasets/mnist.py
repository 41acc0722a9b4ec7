"""Provides MNIST and Fashion-MNIST, which are downloaded once and verified."""

from __future__ import annotations

from pathlib import Path

from edgekit.datasets.downloading import Download, fetch
from edgekit.datasets.readers.idx import open_idx
from edgekit.datasets.readers.stored_arrays import named_source, open_arrays
from edgekit.datasets.source import Source

_HOST = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
MNIST = Download(
    _HOST + "mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1", size_bytes=11_490_434
)
FASHION_MNIST = (
    Download(
        _HOST + "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        size_bytes=26_421_880,
    ),
    Download(
        _HOST + "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        size_bytes=29_515,
    ),
    Download(
        _HOST + "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        size_bytes=4_422_102,
    ),
    Download(
        _HOST + "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        size_bytes=5_148,
    ),
)
_CLOTHES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def mnist_source(cache: Path) -> Source:
    """MNIST's 60,000 training and 10,000 test digits; see ``fetch`` for the errors."""
    [path] = fetch([MNIST], cache / "mnist")
    return named_source("mnist", open_arrays(path), tuple(map(str, range(10))))


def fashion_mnist_source(cache: Path) -> Source:
    """Fashion-MNIST's 60,000 training and 10,000 test images of clothes; see ``fetch`` for the errors."""
    folder = cache / "fashion-mnist"
    fetch(FASHION_MNIST, folder)
    return named_source("fashion-mnist", open_idx(folder), _CLOTHES)
