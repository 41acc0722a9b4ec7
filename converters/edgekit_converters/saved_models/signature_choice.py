"""Selects the graph and the signature of a SavedModel; an error explains if there is none, or more than one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edgekit_converters.saved_models.description import MetaGraph, Signature
from edgekit_runtime.errors import ConversionError, UsageError

DEFAULT_SIGNATURE = "serving_default"
_SERVING_TAG, _TRAINING_TAG = "serve", "train"
#: TensorFlow's own entries among the signatures, which it runs after loading and for a training step.
_OWN_ENTRIES = frozenset({"__saved_model_init_op", "__saved_model_train_op"})


def serving_graph(graphs: Sequence[MetaGraph], folder: Path) -> MetaGraph:
    """Select the graph for inference.

    Args:
        graphs: All graphs of the SavedModel, at least one.
        folder: The SavedModel, for messages.
    Raises:
        ConversionError: There are only training graphs.
    """
    plain = [graph for graph in graphs if _TRAINING_TAG not in graph.tags]
    if not plain:
        raise ConversionError(
            f"{folder.name} contains only a graph for training.",
            expected=f"a graph with the tag {_SERVING_TAG}",
            received="; ".join(", ".join(graph.tags) for graph in graphs),
            next_step="save the model again with the tag serve",
        )
    return min(plain, key=lambda graph: (_SERVING_TAG not in graph.tags, len(graph.tags)))


def usable_signatures(graph: MetaGraph) -> tuple[Signature, ...]:
    """Signatures with inputs and outputs that are all dense tensors."""
    return tuple(
        signature
        for signature in graph.signatures.values()
        if signature.name not in _OWN_ENTRIES
        and signature.inputs
        and signature.outputs
        and all(tensor.tensor for tensor in (*signature.inputs, *signature.outputs))
    )


def choose_signature(graph: MetaGraph, wanted: str | None, folder: Path) -> Signature:
    """Select the signature to convert: the requested one, ``serving_default``, or the only one with numeric inputs.

    Args:
        graph: The serving graph.
        wanted: Name of the signature; None leaves the choice to the file.
        folder: The SavedModel, for messages.
    Raises:
        ConversionError: There is no signature.
        UsageError: There is none of that name, or there are several and no default.
    """
    usable = {signature.name: signature for signature in usable_signatures(graph)}
    if not usable:
        raise _no_signature(graph, folder)
    if wanted is not None:
        if wanted not in usable:
            raise UsageError(
                f"{folder.name} has no signature {wanted}.", expected=_listed(usable.values()), received=wanted
            )
        return usable[wanted]
    numeric = {name: signature for name, signature in usable.items() if not signature.takes_text}
    # If none has numeric inputs, the conversion reports what prevents the others, or converts them.
    candidates = numeric or usable
    if DEFAULT_SIGNATURE in candidates:
        return candidates[DEFAULT_SIGNATURE]
    if len(candidates) > 1:
        raise UsageError(
            f"{folder.name} has several signatures, and none of them is {DEFAULT_SIGNATURE}.",
            expected="the name of one signature",
            received=_listed(candidates.values()),
            next_step=f"add --signature {next(iter(candidates))}, or the name of another one",
        )
    return next(iter(candidates.values()))


def _listed(signatures: Iterable[Signature]) -> str:
    return "; ".join(map(str, signatures))


def _no_signature(graph: MetaGraph, folder: Path) -> ConversionError:
    """Explain what a signature is, and how to export one in the version of TensorFlow that wrote the file."""
    version = graph.tensorflow_version or "an unknown version"
    is_tensorflow_1 = version.startswith(("0.", "1."))
    tags = f"the tag {', '.join(graph.tags)}" if graph.tags else "no tag"
    export = (
        "tf.compat.v1.saved_model.simple_save(session, 'folder', inputs={'x': x}, outputs={'y': y})"
        if is_tensorflow_1
        else "tf.saved_model.save(model, 'folder', signatures=tf.function(model).get_concrete_function("
        "tf.TensorSpec([None, 224, 224, 3]))), with the shape of its input; in Keras 3 model.export('folder')"
    )
    return ConversionError(
        f"{folder.name} has no signature, so nothing says what its inputs and outputs are.",
        expected="a signature: a function that was saved with names, shapes and types for its inputs and outputs",
        received=f"a graph of TensorFlow {version} with {tags}",
        next_step=f"export it with one: {export}",
    )
