"""Files of the TensorFlow Model Optimization toolkit give the toolkit's own answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.keras_files.upgrade.optimization_wrappers import learnt_range

FOLDER = Path(__file__).parents[2] / "data" / "tfmot"


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("annotated", 1e-6),
        ("pruned", 1e-6),
        ("clustered", 1e-6),
        # The toolkit rounds weights and activations to 8 bits, and the float model does not.
        ("quantize_aware", 0.02),
    ],
)
def test_wrapped_layers_answer_as_the_toolkit_does(name: str, tolerance: float) -> None:
    loaded = load_keras_model(FOLDER / f"{name}.h5")
    with np.load(FOLDER / f"{name}.npz") as arrays:
        received = np.asarray(loaded.model(arrays["input_0"], training=False))
        assert np.abs(received - arrays["output_0"]).max() <= tolerance
    assert not {"Quantize", "Prune", "Cluster"} & {type(layer).__name__[:8] for layer in loaded.model.layers}
    assert bool(loaded.learnt_ranges) == (name == "quantize_aware")


@pytest.mark.parametrize(
    "values",
    [
        {"output_min": np.float32(np.nan), "output_max": np.float32(1)},
        {"output_min": np.float32(2), "output_max": np.float32(1)},
        {"output_min": np.float32(0)},
        {"output_min": np.zeros(2, np.float32), "output_max": np.ones(2, np.float32)},
        {"output_min": np.int64(0), "output_max": np.int64(1)},
        {"kernel_min": np.float32(0), "kernel_max": np.float32(1)},
        {},
    ],
    ids=["NaN", "turned round", "one end", "one per channel", "integers", "of weights", "nothing"],
)
def test_what_is_no_range_of_activations_is_left_out(values: dict[str, np.ndarray]) -> None:
    assert learnt_range([(f"dense/{name}:0", np.asarray(value)) for name, value in values.items()]) is None
