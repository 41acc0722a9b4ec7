"""Moves layers that turn texts into numbers out of the model, which then begins with their result."""

from __future__ import annotations

from edgekit_converters.keras_files.description import Description, Layer, layer_name, model_layers
from edgekit_converters.keras_files.output_shapes import endpoints
from edgekit_converters.keras_files.text_layers import TEXT_LAYERS, TextLayer, read_text_layer, refusal
from edgekit_converters.keras_files.upgrade.call_nodes import tensors_of
from edgekit_converters.keras_files.upgrade.layer_names import plain_name


def move_text_layers(description: Description) -> bool:
    """Remove each layer of ``TEXT_LAYERS``; its result becomes the input that it read."""
    found = [layer for _, layer in description.layers() if layer["class_name"] in TEXT_LAYERS]
    for layer in found:
        source = _source(description.root, layer)
        if source is None:
            raise refusal(
                layer, "is not directly behind an input of the model", "save a model in which it is the first layer"
            )
        path = (layer_name(layer),)
        stored = description.weights.pop(path, None)
        text_layer = read_text_layer(
            layer,
            layer_name(source),
            source["config"]["batch_shape"],
            part=_part_name(layer_name(source), description),
            asset=description.vocabularies.get(path),
            weights=stored[0] if stored else None,
        )
        _replace(description.root, source, layer, text_layer)
        description.text_layers[layer_name(source)] = text_layer
    return bool(found)


def _part_name(input_name: str, description: Description) -> str:
    taken = {each.text_input.part for each in description.text_layers.values()}
    name = f"vocabulary_{plain_name(input_name)}.txt"
    return name if name not in taken else f"vocabulary_{plain_name(input_name)}_{len(taken)}.txt"


def _source(root: Layer, layer: Layer) -> Layer | None:
    """The input of the model that only this layer reads; None if the layer reads anything else."""
    layers = model_layers(root)
    if root["class_name"] == "Sequential":
        is_first = len(layers) > 1 and layers[0]["class_name"] == "InputLayer" and layers[1] is layer
        return layers[0] if is_first else None
    if not any(layer is each for each in layers):
        return None
    nodes = layer["inbound_nodes"]
    read = [tensor["config"]["keras_history"][0] for node in nodes for tensor in tensors_of(node)]
    sources = [each for each in layers if layer_name(each) in read and each["class_name"] == "InputLayer"]
    if len(nodes) != 1 or len(read) != 1 or len(sources) != 1:
        return None
    readers = [each for each in layers if read[0] in _read_by(each)]
    is_output = any(end[0] == read[0] for end in endpoints(root["config"]["output_layers"]))
    return sources[0] if len(readers) == 1 and not is_output else None


def _read_by(layer: Layer) -> set[str]:
    """Names of the layers whose outputs a layer reads."""
    return {
        tensor["config"]["keras_history"][0] for node in layer.get("inbound_nodes", ()) for tensor in tensors_of(node)
    }


def _replace(root: Layer, source: Layer, layer: Layer, text_layer: TextLayer) -> None:
    """Let all that read the layer read the input, which becomes the layer's result."""
    source["config"].update(batch_shape=list(text_layer.shape), dtype=text_layer.dtype)
    layers = model_layers(root)
    layers[:] = [each for each in layers if each is not layer]
    name, new_name = layer_name(layer), layer_name(source)
    for each in layers:
        for node in each.get("inbound_nodes", ()):
            for tensor in tensors_of(node):
                if tensor["config"]["keras_history"][0] == name:
                    tensor["config"].update(
                        keras_history=[new_name, 0, 0], shape=list(text_layer.shape), dtype=text_layer.dtype
                    )
    for end in endpoints(root["config"].get("output_layers")):
        if end[0] == name:
            end[:] = [new_name, 0, 0]
