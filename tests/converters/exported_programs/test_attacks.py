"""Programs that run code in ``torch.export.load`` run none in a conversion."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit_converters.lowering.exported_program import lower_exported_program
from edgekit_runtime.errors import UnsafeModelError

from .archives import MODEL, WEIGHTS, edited, graph, members, write

pytest.importorskip("litert_torch", reason="litert-torch, the extra edgekit[torch], is not installed here")

#: What somebody would do who trusts the file.
NAIVE = """
import sys, torch
try:
    torch.export.load(sys.argv[1]).module()(torch.zeros(2, 3, 8, 8))
except Exception as error:
    print(error)
"""
LIBRARY = '#include <stdio.h>\n__attribute__((constructor)) static void run(void) {{ fclose(fopen("{marker}", "w")); }}'


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._marker),)


def pickled(marker: Path) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save({"x": Payload(marker)}, buffer)
    return buffer.getvalue()


def pickled_weight(path: Path, marker: Path) -> Path:
    def edit(table: Any) -> None:
        table["config"]["conv.weight"]["use_pickle"] = True

    return write(path, edited(WEIGHTS, edit) | {"data/weights/weight_0": pickled(marker)})


def pickled_sample(path: Path, marker: Path) -> Path:
    return write(path, members() | {"data/sample_inputs/model.pt": pickled(marker)})


def library(path: Path, marker: Path) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc makes the library, and it is not on this machine")
    source = path.with_name("library.c")
    source.write_text(LIBRARY.format(marker=marker))
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(path.with_name("m.so")), str(source)], check=True)
    content = path.with_name("m.so").read_bytes()
    folder = "m/data/aotinductor/model/"
    described = json.dumps({"AOTI_DEVICE_KEY": "cpu"}).encode()
    return write(path, members(), (folder + "m.wrapper.so", content), (folder + "m.wrapper_metadata.json", described))


def guard_in_renamed_model(path: Path, marker: Path) -> Path:
    def edit(description: Any) -> None:
        description["guards_code"] = [f"not __import__('os').mkdir({str(marker)!r})"]

    content = edited(MODEL, edit)
    content["models/model.jsno"] = content.pop(MODEL)
    return write(path, content)


def file_operator(path: Path, marker: Path) -> Path:
    def edit(description: Any) -> None:
        node = {
            "target": "torch.ops.aten.from_file.default",
            "inputs": [
                {"name": "filename", "arg": {"as_string": str(marker)}, "kind": 1},
                {"name": "shared", "arg": {"as_bool": True}, "kind": 2},
                {"name": "size", "arg": {"as_int": 4}, "kind": 2},
            ],
            "outputs": [{"as_tensor": {"name": "read"}}],
            "metadata": {},
            "is_hop_single_tensor_return": None,
        }
        graph(description)["nodes"].insert(0, node)
        meta = json.loads(members()[WEIGHTS])["config"]["dense.bias"]["tensor_meta"]
        graph(description)["tensor_values"]["read"] = meta

    return write(path, edited(MODEL, edit))


@pytest.mark.parametrize(
    "attack", [pickled_weight, pickled_sample, library, guard_in_renamed_model, file_operator], ids=lambda f: f.__name__
)
def test_what_pytorch_runs_leaves_no_marker(attack: Callable[[Path, Path], Path], tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = attack(tmp_path / "model.pt2", marker)
    if attack is pickled_sample:
        # Nobody needs these, and so they are left out.
        assert lower_exported_program(path).batch == "dynamic"
    else:
        with pytest.raises(UnsafeModelError):
            lower_exported_program(path)
    assert not marker.exists()
    # The attack is a real one: it works on whoever loads the file as it is.
    subprocess.run([sys.executable, "-c", NAIVE, str(path)], cwd=tmp_path, capture_output=True, timeout=300)
    assert marker.exists()
