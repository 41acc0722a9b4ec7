"""Reads folders of ``.npy`` files with one example per file, or with one sub-folder per input of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.datasets.readers.folders import Listing
from edgekit.datasets.readers.npy_header import UNREADABLE, read_header, require_unpacked_size
from edgekit.datasets.source import Source
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import UNNAMED


def array_folder_source(listing: Listing) -> Source:
    """A source of arrays that are read on request; each is one example without a batch axis."""
    return listing.source(read_array)


def joined_source(folder: Path, sources: dict[str, Source]) -> Source:
    """A source for a folder with one sub-folder per input; files of the same name form one example.

    Args:
        folder: Folder that contains the sub-folders.
        sources: Source of each sub-folder, by input name.
    Raises:
        DataError: The sub-folders contain files of different names.
    """
    stems = {
        name: [str(Path(source.name_of(row)).with_suffix("")) for row in range(source.count)]
        for name, source in sources.items()
    }
    first_name, first = next(iter(stems.items()))
    for name, others in stems.items():
        if odd := sorted(set(first) ^ set(others)):
            raise DataError(
                f"The inputs' sub-folders of {folder} hold different files.",
                expected="for each example a file of the same name in each sub-folder",
                received=f"{odd[0]} in only one of {first_name} and {name}",
            )
    own = next(iter(sources.values()))
    return Source(
        name=str(folder),
        count=own.count,
        read=lambda rows: {name: source.read(rows)[UNNAMED] for name, source in sources.items()},
        hashes=lambda: (_joined_hash(parts) for parts in zip(*(s.hashes() for s in sources.values()), strict=True)),
        ground_truth=own.ground_truth,
        labels=own.labels,
        groups=own.groups,
        held_back=own.held_back,
        name_of=first.__getitem__,
    )


def read_array(path: Path) -> np.ndarray:
    """Read one example; arrays of Python objects are never unpickled.

    Raises:
        DataError: The file is damaged or is not an ``.npy`` file.
    """
    try:
        with path.open("rb") as file:
            header = read_header(file)
            require_unpacked_size(header)
            if file.tell() + header.size_bytes > path.stat().st_size:
                raise ValueError(f"an end before the {header.size_bytes:,} bytes of shape {header.shape}")
            file.seek(0)
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except UNREADABLE as error:
        raise DataError(
            f"{path} could not be read as .npy.",
            expected="an array of numbers, as numpy.save writes it",
            received=str(error) or type(error).__name__,
        ) from error


def _joined_hash(parts: Sequence[bytes]) -> bytes:
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()
