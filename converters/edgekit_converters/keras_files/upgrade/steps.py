"""The steps from an old description to today's, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgekit_converters.keras_files.description import Description
from edgekit_converters.keras_files.upgrade import (
    activations,
    attention,
    call_nodes,
    channels_first,
    deployment,
    keras1_names,
    keras2_names,
    kernel_layout,
    lambdas,
    layer_names,
    lost_layers,
    merge_layers,
    operations,
    optimization_wrappers,
    pooling3d,
    recurrent_masks,
    recurrent_weights,
    structure,
    tensorflow_calls,
    training_only,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One known difference between eras.

    Attributes:
        name: What the step mends, in a few words.
        era: The versions of Keras that wrote it so.
        apply: Mends it in place; returns whether there was anything to mend.
    """

    name: str
    era: str
    apply: Callable[[Description], bool]


#: Before the weights are read: they are found by the names and classes of the layers as they were stored.
STRUCTURE_STEPS: tuple[Step, ...] = (
    Step("bare lists of layers", "Keras 1 to 2.2.2", structure.name_sequential_layers),
    Step("branches of a Merge", "Keras 1", merge_layers.join_merged_branches),
    Step("wrappers of tfmot", "tf.keras 1.14 to 2.15", optimization_wrappers.unwrap_optimization),
)

STEPS: tuple[Step, ...] = (
    Step("operations among the layers", "Keras 3", operations.name_operations),
    Step("Lambda layers", "all", lambdas.replace_lambdas),
    Step("class names of models", "Keras 1 to 2, tf.keras to 2.2", structure.rename_model_classes),
    Step("initializers, regularizers and constraints", "all", training_only.drop_training_only),
    Step("values stored as objects", "Keras 2", keras2_names.unwrap_values),
    Step("input shapes in the first layer", "Keras 1 and 2", structure.add_input_layers),
    Step("names of input shapes", "Keras 1 and 2", structure.rename_input_shapes),
    Step("names of layers and arguments", "Keras 1", keras1_names.rename_keras1),
    Step("Merge layers", "Keras 1", merge_layers.replace_merge),
    Step("names of layers", "Keras 2", keras2_names.rename_keras2),
    Step("layers of text and tables", "all", keras2_names.refuse_text_layers),
    Step("augmentation layers", "all", keras2_names.drop_augmentation),
    Step("gates in arrays of their own", "Keras 1", recurrent_weights.join_gates),
    Step("kernel layout", "Keras 1", kernel_layout.reorder_keras1_kernels),
    Step("kernels of Theano", "Keras 1 to 2.3 on Theano", kernel_layout.flip_theano_kernels),
    Step("CuDNN layers", "Keras 2.0.9 to 2.3, tf.keras 1", recurrent_weights.replace_cudnn_layers),
    Step("defaults", "Keras 1 and 2", keras2_names.fill_keras2_defaults),
    Step("arguments that are gone", "Keras 2", keras2_names.drop_keras2_arguments),
    Step("names of arguments", "Keras 2", keras2_names.rename_keras2_arguments),
    Step("layers that are gone", "Keras 1 and 2", lost_layers.replace_lost_layers),
    Step("dtype objects", "Keras 2.4 to 3", keras2_names.simplify_dtypes),
    Step("activations stored as functions", "Keras 2 and 3", activations.name_activations),
    Step("hard_sigmoid", "Keras 1 and 2", activations.keep_hard_sigmoid),
    Step("score functions of attention", "Keras 3", attention.name_scores),
    Step("calls of layers", "Keras 1 and 2", call_nodes.rewrite_call_nodes),
    Step("merges of one tensor", "all", merge_layers.replace_merges_of_one),
    Step("3D pooling", "all", pooling3d.replace_pooling3d),
    Step("characters in names", "all", layer_names.make_names_plain),
    Step("causal attention", "tf.keras 2.1 to 2.9", attention.pass_causality),
    Step("masks beside initial states", "Keras 1 and 2", recurrent_masks.pass_masks_on),
    Step("raw TensorFlow calls", "tf.keras 1.13 to 2.15", tensorflow_calls.replace_tensorflow_calls),
    Step("state between calls", "all", deployment.forget_state),
    Step("fixed batch sizes", "all", deployment.free_batch_size),
    Step("inputs of indices", "all", deployment.index_inputs),
    Step("channels-first layers", "all", channels_first.wrap_channels_first),
    Step("modules", "Keras 1 to 2.11, .h5 of Keras 3", structure.name_modules),
    Step("initial values", "all", training_only.skip_initialization),
)
