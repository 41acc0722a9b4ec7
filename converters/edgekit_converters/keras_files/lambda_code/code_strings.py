"""Recognizes Python code that was packed into a text: pickled, or marshalled as Keras does with functions."""

from __future__ import annotations

import binascii
import re
from contextlib import suppress

_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{24,}={0,2}\s*")
# A pickle of protocol 2 to 5 begins with its version.
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
# The mark of a code object, with and without the bit for references, and its number of arguments (a small one).
_MARSHALLED = re.compile(rb"[\xe3c][\x00-\x10]\x00\x00\x00")
# Pickles of protocol 0, as text, call what they name.
_PICKLED_CALL = re.compile(rb"c[\w.]+\n\w+\n")


def code_inside(text: str) -> str:
    """Say what code a text holds, as base64 or byte by character; "" for none."""
    candidates = []
    start = text[:256]
    with suppress(UnicodeEncodeError):
        candidates.append(start.encode("latin-1"))
    if _BASE64.fullmatch(start):
        compact = "".join(start.split())
        with suppress(binascii.Error):
            candidates.append(binascii.a2b_base64(compact[: len(compact) // 4 * 4]))
    for data in candidates:
        if _PICKLE.match(data) or _PICKLED_CALL.match(data):
            return "pickled Python objects"
        if _MARSHALLED.match(data):
            return "marshalled Python code"
    return ""
