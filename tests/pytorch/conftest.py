"""Tests that run PyTorch; they skip where it is not installed, unless CI says that it is."""

from __future__ import annotations

import os

import pytest

if not os.environ.get("EDGEKIT_TEST_TORCH"):
    pytest.importorskip("litert_torch", reason="litert-torch, the extra edgekit[torch], is not installed here")
