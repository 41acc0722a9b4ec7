from __future__ import annotations

from pathlib import Path

import pytest

import edgekit_runtime
from edgekit_runtime.device_benchmark import measure_latency


@pytest.mark.parametrize("name", ["cnn_int8_io_int8", "two_in_two_out", "embedding_int32", "cnn_float32_batch4"])
def test_measures_every_kind_of_model(name: str, tflite_folder: Path) -> None:
    latency = measure_latency(edgekit_runtime.load(tflite_folder / f"{name}.tflite"), runs=20, warmup=1)
    assert latency.runs == 20
    assert 0 < latency.p50_ms <= latency.p90_ms <= latency.p99_ms
    assert latency.images_per_second == pytest.approx((4000 if name.endswith("batch4") else 1000) / latency.mean_ms)
    assert set(latency.to_dict()) == {"runs", "p50_ms", "p90_ms", "p99_ms", "mean_ms", "images_per_second"}
