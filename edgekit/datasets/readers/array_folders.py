"""A folder of ``.npy`` files, one example a file; or, for a model of several inputs, a sub-folder an input."""

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
    """Arrays that are read when they are asked for, each one example without a batch axis."""
    return listing.source(read_array)


def joined_source(folder: Path, sources: dict[str, Source]) -> Source:
    """One source of a folder with a sub-folder an input; files of the same name belong together.

    Args:
        folder: The folder.
        sources: The source of each input's sub-folder, by input name.
    Raises:
        DataError: The sub-folders hold files of different names.
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
        targets=own.targets,
        labels=own.labels,
        groups=own.groups,
        held_back=own.held_back,
        name_of=first.__getitem__,
    )


def read_array(path: Path) -> np.ndarray:
    """Read one example; arrays of Python objects are never unpickled.

    Raises:
        DataError: It is damaged, or no ``.npy`` file.
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
