"""interim"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from edgekit_converters.keras_files.stored_weights import (
    list_hdf5_layout,
    list_zip_layout,
    read_hdf5_layout,
    read_zip_layout,
)


@dataclass
class OpenedFile:
    path: Path
    model_config: dict[str, Any] | None
    keras_version: str
    backend: str
    group: Any
    zip_layout: bool

    def list_weights(self) -> dict[str, Any]:
        return list_zip_layout(self.group) if self.zip_layout else list_hdf5_layout(self.group)

    def read_weights(self, root: Any, new_names: dict[str, str]) -> Any:
        if self.zip_layout:
            return read_zip_layout(self.group, root)
        return read_hdf5_layout(self.group, root, new_names)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def open_file(path: Path) -> Iterator[OpenedFile]:
    if path.read_bytes()[:2] == b"PK":
        z = zipfile.ZipFile(path)
        config = json.loads(z.read("config.json"))
        version = json.loads(z.read("metadata.json"))["keras_version"]
        with h5py.File(io.BytesIO(z.read("model.weights.h5"))) as f:
            yield OpenedFile(path, config, version, "tensorflow", f, True)
        return
    with h5py.File(path) as f:
        config = f.attrs.get("model_config")
        version = _text(f.attrs.get("keras_version", "1.0"))
        yield OpenedFile(
            path,
            json.loads(config) if config is not None else None,
            version,
            _text(f.attrs.get("backend", "")),
            f.get("model_weights", f),
            "layer_names" not in f.attrs and "model_weights" not in f,
        )
