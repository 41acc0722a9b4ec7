"""Ranges of quantization-aware training reach the tensors that they were learnt for, whatever the graph calls them."""

from __future__ import annotations

from pathlib import Path

from edgekit_converters.keras_files.description import LearntRange
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.lowering.keras.learnt_ranges import ranges_by_tensor, recorded_results
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.lowering.process import LoweringProcess

TFMOT_FILE = Path(__file__).parents[3] / "data" / "tfmot" / "quantize_aware.h5"


def test_layers_whose_names_look_like_counted_ones_are_told_apart() -> None:
    import keras

    # TensorFlow counts names that it has seen: "dense" becomes "dense_1" in the graph, and "dense_1" "dense_1_2".
    dense, dense_1 = (keras.layers.Dense(4, activation="relu", name=name) for name in ("dense", "dense_1"))
    last = keras.layers.Dense(2, name="dense_1_1")
    x = keras.Input((4,))
    model = keras.Model(x, last(dense(dense_1(x))))
    for layer in (dense, dense_1, last):
        # The converter merges constants that are equal: bias vectors of zeros would be one tensor.
        layer.bias.assign(keras.random.normal(layer.bias.shape))
    with recorded_results() as calls:
        lowered, _ = lower_keras_model(model, name="model")
    description = lowered.description
    learnt = {dense: (0, 1), dense_1: (0, 2), last: (-3, 3)}
    pairs = [(layer, LearntRange(*ends, before_activation=False)) for layer, ends in learnt.items()]
    found = ranges_by_tensor(description, pairs, calls)
    outputs = [description.tensors[operator.outputs[0]].name for operator in description.subgraphs[0].operators]
    # In the order of the graph.
    assert [found[name] for name in outputs] == [(0, 2), (0, 1), (-3, 3)]


def test_the_toolkits_ranges_come_with_the_lowered_model() -> None:
    with LoweringProcess(LoweringRequest(TFMOT_FILE)) as process:
        lowered = process.result()
    found = {_last_layer(name): (round(low, 2), round(high, 2)) for name, (low, high) in lowered.learnt_ranges.items()}
    # As h5py reads them from the file: quantize_layer, relu, depthwise, and what the softmax of dense takes.
    assert found == {
        "serving_default_x:0": (-3.55, 3.93),
        "quant_relu": (-5.99, 6.00),
        "quant_depthwise": (-5.99, 5.99),
        "quant_dense": (-5.99, 5.99),
    }
    names = {tensor.name for tensor in lowered.model.description.tensors}
    assert names >= set(lowered.learnt_ranges)


def _last_layer(tensor_name: str) -> str:
    parts = tensor_name.split(";", maxsplit=1)[0].split("/")
    return parts[1].rpartition("_")[0] if len(parts) > 1 else parts[0]
