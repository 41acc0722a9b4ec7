"""Limits on memory: sizes in words and numbers, and the operating system's own limit in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.memory_limits import (
    out_of_memory,
    ran_out_of_memory,
    require_fits_flatbuffer,
    require_tensor_within,
    source_bytes,
)
from edgekit_runtime.errors import ConversionError, ModelFileError

_DENSE = {
    "class_name": "Sequential",
    "config": {
        "name": "m",
        "layers": [
            {"class_name": "Dense", "config": {"name": "d", "units": 1000, "batch_input_shape": [None, 600_000]}},
        ],
    },
}


def test_open_axes_count_as_one() -> None:
    require_tensor_within(24, (None, 2, -1, 3), 4, model="m.h5", place="layer 'a'")
    with pytest.raises(ModelFileError) as caught:
        require_tensor_within(23, (None, 2, -1, 3), 4, model="m.h5", place="layer 'a'")
    assert caught.value.problem == "m.h5: layer 'a' computes a tensor of shape (?, 2, ?, 3), which takes 0.0 MB."
    assert "--max-memory" in caught.value.next_step


def test_a_folder_is_as_large_as_its_files(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(bytes(10))
    (tmp_path / "variables/data").write_bytes(bytes(20))
    assert source_bytes(tmp_path) == 30
    assert source_bytes(tmp_path / "saved_model.pb") == 10


def test_an_error_that_comes_from_a_failed_allocation_is_recognized() -> None:
    wrapped = ValueError("a layer failed")
    wrapped.__cause__ = MemoryError()
    assert ran_out_of_memory(wrapped)
    assert not ran_out_of_memory(ValueError("a layer failed"))
    assert out_of_memory("m.h5").problem == "Memory ran out while m.h5 was lowered."


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the data of a process")
def test_a_process_cannot_take_more_than_its_limit() -> None:
    program = """
from edgekit_converters.memory_limits import limit_own_memory
limit_own_memory(max_memory=1000, source_size=1000)
bytearray(1 << 30)
try:
    bytearray(1 << 40)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr


def test_a_model_beyond_a_flatbuffer_is_refused_with_what_would_fit() -> None:
    require_fits_flatbuffer(536_870_911, model="m.h5")
    with pytest.raises(ConversionError) as caught:
        require_fits_flatbuffer(600_000_000, model="m.h5")
    assert caught.value.received == "600,000,000 values, 2.4 GB in float32"
    assert "float16 (1.2 GB) or int8 (600.0 MB) would fit" in caught.value.next_step
    with pytest.raises(ConversionError) as caught:
        require_fits_flatbuffer(3_000_000_000, model="m.h5")
    assert caught.value.next_step == "convert the model in parts, or make it smaller"


def test_a_large_file_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(_DENSE)
        file.attrs["keras_version"] = "2.15.0"
        group = file.create_group("model_weights/d")
        file["model_weights"].attrs["layer_names"] = [b"d"]
        group.attrs["weight_names"] = [b"kernel:0"]
        kernel = group.create_dataset("kernel:0", (600_000, 1000), "f4", fillvalue=0)
        # Written to the end, the file is sparse: it takes no room.
        kernel[-1, -1] = 1
    with pytest.raises(ConversionError, match="is too large for a"):
        load_keras_model(path)
