"""Recognizes Python code in a string: pickled, or marshalled as Keras does with functions."""

from __future__ import annotations

import binascii
import re
from contextlib import suppress

_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{24,}={0,2}\s*")
# A pickle of protocol 2 to 5 starts with its version.
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
# The type byte of a code object, with and without the reference flag, and its number of arguments (a small one).
_MARSHALLED = re.compile(rb"[\xe3c][\x00-\x10]\x00\x00\x00")
# Pickles of protocol 0, which are text, call what they name.
_PICKLED_CALL = re.compile(rb"c[\w.]+\n\w+\n")


def code_inside(text: str) -> str:
    """Name the kind of code in a string, as base64 or with one character per byte; "" if there is none."""
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
