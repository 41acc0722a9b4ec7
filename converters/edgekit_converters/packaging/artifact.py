"""One .tflite that carries its labels and its manifest in a zip behind the FlatBuffer."""

from __future__ import annotations

import io
import json
import zipfile

from edgekit_runtime.manifest import LABELS_NAME, MANIFEST_NAME, Manifest


def pack(model: bytes, manifest: Manifest) -> bytes:
    """Append ``manifest`` to a FlatBuffer; equal arguments give equal bytes.

    Args:
        model: A .tflite with nothing appended.
        manifest: What travels with it.
    Returns:
        The file for the device; every interpreter loads it as it is.
    """
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as parts:
        _add(parts, MANIFEST_NAME, json.dumps(manifest.to_dict(), indent=1, sort_keys=True))
        if manifest.labels:
            _add(parts, LABELS_NAME, "\n".join(manifest.labels) + "\n")
    return file.getvalue()


def _add(parts: zipfile.ZipFile, name: str, text: str) -> None:
    # The default date is the clock's; this one is zip's earliest and the same for everybody.
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    parts.writestr(entry, text)
