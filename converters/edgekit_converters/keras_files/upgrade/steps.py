"""The steps that convert an old description to Keras 3, in order, with the reasons for the order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from edgekit_converters.keras_files.description import Description
from edgekit_converters.keras_files.upgrade import (
    activations,
    attention,
    call_nodes,
    deployment,
    keras1_names,
    keras2_names,
    kernel_layout,
    lambdas,
    layer_names,
    merge_layers,
    missing_layers,
    operations,
    optimization_wrappers,
    recurrent,
    structure,
    tensorflow_calls,
    text_inputs,
    training_only,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One known difference between versions of Keras.

    Attributes:
        name: Name of what the step updates, in a few words.
        era: The versions of Keras that wrote it in the old form.
        apply: Changes a description in place; returns whether there was anything to change.
        after: The steps that have to come before this one, each with the reason. All other orders are possible.
    """

    name: str
    era: str
    apply: Callable[[Description], bool]
    after: Mapping[str, str] = field(default_factory=dict)


def require_order(steps: Iterable[Step]) -> None:
    """Check that every step comes after the steps that it depends on.

    Raises:
        ValueError: A step depends on itself, on a later step or on an unknown one (which also rules out cycles), or two
            steps have the same name.
    """
    earlier: set[str] = set()
    for step in steps:
        for needed, why in step.after.items():
            if needed not in earlier:
                raise ValueError(f"The step '{step.name}' needs '{needed}' before it: {why}.")
        if step.name in earlier:
            raise ValueError(f"Two steps are called '{step.name}'.")
        earlier.add(step.name)


#: Applied before the weights are read, which are found by the stored names and classes of the layers.
STRUCTURE_STEPS: tuple[Step, ...] = (
    Step("branches of a Merge", "Keras 1", merge_layers.join_merged_branches),
    Step(
        "bare lists of layers",
        "Keras 1 to 2.2.2",
        structure.name_sequential_layers,
        after={"branches of a Merge": "models inside a branch are found only once its layers belong to the model"},
    ),
    Step("wrappers of tfmot", "tf.keras 1.14 to 2.15", optimization_wrappers.unwrap_optimization),
)

STEPS: tuple[Step, ...] = (
    Step("operations among the layers", "Keras 3", operations.name_operations),
    Step("Lambda layers", "all", lambdas.replace_lambdas),
    Step("class names of models", "Keras 1 to 2, tf.keras to 2.2", structure.rename_model_classes),
    Step("initializers, regularizers and constraints", "all", training_only.drop_training_only),
    Step(
        "values stored as objects",
        "Keras 2",
        keras2_names.unwrap_values,
        after={"operations among the layers": "operations keep arguments such as axis=[1] as they are"},
    ),
    Step(
        "input shapes in the first layer",
        "Keras 1 and 2",
        structure.add_input_layers,
        after={"values stored as objects": "an input shape may be stored as a TensorShape or tuple object"},
    ),
    Step(
        "names of input shapes",
        "Keras 1 and 2",
        structure.rename_input_shapes,
        after={"input shapes in the first layer": "it removes the input shape from every other layer"},
    ),
    Step(
        "names of layers and arguments",
        "Keras 1",
        keras1_names.rename_keras1,
        after={"input shapes in the first layer": "it drops input_dtype, which becomes the dtype of the InputLayer"},
    ),
    Step(
        "Merge layers",
        "Keras 1",
        merge_layers.replace_merge,
        after={"branches of a Merge": "it drops the branches inside a Merge"},
    ),
    Step("names of layers", "Keras 2", keras2_names.rename_keras2),
    Step("hashes and tables", "all", keras2_names.refuse_table_layers),
    Step(
        "augmentation layers",
        "all",
        keras2_names.drop_augmentation,
        after={"input shapes in the first layer": "it replaces the layer and its input shape with it"},
    ),
    Step(
        "separate arrays per gate",
        "Keras 1",
        recurrent.join_gates,
        after={"names of layers and arguments": "it reads data_format, which was dim_ordering"},
    ),
    Step(
        "kernel layout",
        "Keras 1",
        kernel_layout.reorder_keras1_kernels,
        after={
            "names of layers and arguments": "it reads arguments and finds layers by their Keras 3 names",
            "separate arrays per gate": "before, a ConvLSTM2D has kernels for each gate",
        },
    ),
    Step(
        "kernels of Theano",
        "Keras 1 to 2.3 on Theano",
        kernel_layout.flip_theano_kernels,
        after={
            "names of layers and arguments": "it finds layers by their Keras 3 classes",
            "separate arrays per gate": "before, a ConvLSTM2D has kernels for each gate",
            "kernel layout": "it turns all axes but the last two, which have to be inputs and outputs",
        },
    ),
    Step(
        "CuDNN layers",
        "Keras 2.0.9 to 2.3, tf.keras 1",
        recurrent.replace_cudnn_layers,
        after={"names of layers": "CuDNNLSTMV2 is now called CuDNNLSTM"},
    ),
    Step(
        "defaults",
        "Keras 1 and 2",
        keras2_names.fill_keras2_defaults,
        after={"names of layers": "UnifiedGRU is now called GRU"},
    ),
    Step("names of arguments", "Keras 2", keras2_names.rename_keras2_arguments),
    Step(
        "removed layers",
        "Keras 1 and 2",
        missing_layers.replace_lost_layers,
        after={
            "values stored as objects": "it reads kernel_size as numbers",
            "input shapes in the first layer": "it replaces the layer and its input shape with it",
            "names of layers and arguments": "it keeps arguments by the names that they have had since Keras 2",
        },
    ),
    Step(
        "dtype objects",
        "Keras 2.4 to 3",
        keras2_names.simplify_dtypes,
        after={
            "operations among the layers": "the dtype of a Cast is what it computes, not a policy",
            "Lambda layers": "a Lambda's replacement keeps its dtype",
        },
    ),
    Step("activations stored as functions", "Keras 2 and 3", activations.name_activations),
    Step(
        "hard_sigmoid",
        "Keras 1 and 2",
        activations.keep_hard_sigmoid,
        after={
            "names of layers and arguments": "recurrent_activation was inner_activation",
            "activations stored as functions": "it finds the function by its name",
        },
    ),
    Step("score functions of attention", "Keras 3", attention.name_scores),
    Step(
        "calls of layers",
        "Keras 1 and 2",
        call_nodes.rewrite_call_nodes,
        after={
            "branches of a Merge": "a Merge's branches are joined by calls in the old form",
            "class names of models": "only functional models have calls",
            "names of layers": "it finds recurrent layers, whose states follow their input, by their Keras 3 classes",
        },
    ),
    Step(
        "layers of text",
        "Keras 2.1 to 3",
        text_inputs.move_text_layers,
        after={
            "values stored as objects": "lengths of n-grams may be stored as a tuple object",
            "input shapes in the first layer": "the layer's result replaces an InputLayer",
            "names of input shapes": "it reads batch_shape, which was batch_input_shape",
            "calls of layers": "it follows references to layers in the form of Keras 3",
        },
    ),
    Step(
        "removed arguments",
        "Keras 2",
        keras2_names.drop_keras2_arguments,
        after={
            "Lambda layers": "it drops function_type, which says how a Lambda's code is stored",
            "names of layers": "it finds the arguments by their Keras 3 classes",
            "calls of layers": "it drops num_constants, for which a recurrent layer's call is rejected",
        },
    ),
    Step(
        "merges of a single tensor",
        "all",
        merge_layers.replace_merges_of_one,
        after={
            "operations among the layers": "Add and others are classes of operations, too",
            "Merge layers": "a Merge of a single tensor is one of them",
            "calls of layers": "it reads the tensors of a call in the form of Keras 3",
        },
    ),
    Step(
        "3D pooling",
        "all",
        missing_layers.replace_pooling3d,
        after={
            "input shapes in the first layer": "it replaces the layer and its input shape with it",
            "names of layers and arguments": "padding was border_mode, data_format was dim_ordering",
        },
    ),
    Step(
        "characters in names",
        "all",
        layer_names.make_names_plain,
        after={
            "input shapes in the first layer": "an InputLayer is called after the stored name of the first layer",
            "layers of text": "vocabularies are found by the stored names of layers",
            "calls of layers": "it follows references to layers in the form of Keras 3",
        },
    ),
    Step(
        "causal attention",
        "tf.keras 2.1 to 2.9",
        attention.pass_causality,
        after={"calls of layers": "it adds an argument to calls in the form of Keras 3"},
    ),
    Step(
        "masks with initial states",
        "Keras 1 and 2",
        recurrent.pass_masks_on,
        after={
            "class names of models": "it only concerns functional models",
            "calls of layers": "initial states become arguments of calls there",
        },
    ),
    Step(
        "raw TensorFlow calls",
        "tf.keras 1.13 to 2.15",
        tensorflow_calls.replace_tensorflow_calls,
        after={"calls of layers": "it reads the arguments of a call in the form of Keras 3"},
    ),
    Step("state between calls", "all", deployment.forget_state),
    Step(
        "fixed batch sizes",
        "all",
        deployment.free_batch_size,
        after={"names of input shapes": "it reads batch_shape, which was batch_input_shape"},
    ),
    Step(
        "index inputs",
        "all",
        deployment.index_inputs,
        after={
            "input shapes in the first layer": "it looks at the InputLayers",
            "dtype objects": "it compares the dtype as a name",
            "calls of layers": "it follows references to layers in the form of Keras 3",
        },
    ),
    Step(
        "channels-first layers",
        "all",
        missing_layers.wrap_channels_first,
        after={
            "names of layers and arguments": "data_format was dim_ordering",
            "kernels of Theano": "the weights stay at the path of the wrapper, and are no longer the layer's",
            "CuDNN layers": "the weights stay at the path of the wrapper, and are no longer the layer's",
            "removed layers": "their replacements support only channels last",
            "calls of layers": "a wrapped recurrent layer is not found by its class",
            "3D pooling": "its replacement supports only channels last",
        },
    ),
    Step(
        "modules",
        "Keras 1 to 2.11, .h5 of Keras 3",
        structure.name_modules,
        after={
            "operations among the layers": "operations have modules of their own",
            "input shapes in the first layer": "the new InputLayers need a module",
        },
    ),
    Step(
        "initial values",
        "all",
        training_only.skip_initialization,
        after={
            "initializers, regularizers and constraints": "it would drop these initializers again",
            "names of layers and arguments": "it finds layers by their Keras 3 classes",
            "names of layers": "it finds layers by their Keras 3 classes",
            "CuDNN layers": "it finds layers by their Keras 3 classes",
        },
    ),
)

require_order((*STRUCTURE_STEPS, *STEPS))
