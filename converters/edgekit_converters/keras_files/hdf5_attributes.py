"""Text kept in HDF5 attributes."""

from __future__ import annotations

import h5py

from edgekit_runtime.errors import ModelFileError


def read_text(group: h5py.Group, attribute: str, max_bytes: int) -> str | None:
    """Read one text, which old files keep as bytes.

    Returns:
        The text; None where the attribute is missing.
    Raises:
        ModelFileError: It is no single text, no UTF-8, or longer than ``max_bytes``.
    """
    if attribute not in group.attrs:
        return None
    stored = group.attrs.get_id(attribute)
    if stored.shape not in ((), (1,)) or stored.get_type().get_class() != h5py.h5t.STRING:
        raise ModelFileError(f"The attribute '{attribute}' is not a text.", received=f"{stored.dtype} {stored.shape}")
    value = group.attrs[attribute]
    if stored.shape == (1,):
        value = value[0]
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        size = len(text.encode("utf-8"))
    except UnicodeError:
        raise ModelFileError(f"The attribute '{attribute}' is not UTF-8 text.") from None
    if size > max_bytes:
        raise ModelFileError(
            f"The attribute '{attribute}' is longer than any that Keras writes.",
            expected=f"at most {max_bytes} bytes",
            received=f"{size} bytes",
        )
    return text
