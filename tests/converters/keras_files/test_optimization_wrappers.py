"""Files of the TensorFlow Model Optimization toolkit give the toolkit's own answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_converters.keras_files.load import load_keras_model

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
    assert any("Quantization-aware" in note for note in loaded.notes) == (name == "quantize_aware")
