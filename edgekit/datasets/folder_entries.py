"""Lists a folder with an error that names it.

It is apart from the readers, because commands check data before they import one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edgekit_runtime.errors import DataError


def entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what a folder contains, in no order.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read: {error.strerror}.",
            expected="a folder that this user may read",
            next_step="change its permissions, or remove it from the data",
        ) from error
