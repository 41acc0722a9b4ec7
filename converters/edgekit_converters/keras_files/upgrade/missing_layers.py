"""Replaces layers that Keras 3 or TFLite does not have by edgekit's own."""

from __future__ import annotations

from edgekit_converters.keras_files.description import (
    Description,
    Layer,
    is_model,
    keras3_layer,
    layer_name,
    replacement_layer,
)
from edgekit_runtime.errors import ModelFileError

_REPLACED = {
    "MaxoutDense": ("units", "nb_feature", "use_bias"),
    "Highway": ("activation", "use_bias"),
    "ParametricSoftplus": ("shared_axes",),
    "SReLU": ("shared_axes",),
    "LocallyConnected1D": ("filters", "kernel_size", "strides", "activation", "use_bias"),
    "LocallyConnected2D": ("filters", "kernel_size", "strides", "activation", "use_bias"),
}
_POOLING3D = {"MaxPooling3D": "max", "MaxPool3D": "max", "AveragePooling3D": "average", "AvgPool3D": "average"}


def replace_lost_layers(description: Description) -> bool:
    """Replace layers that no longer exist by edgekit's own."""
    changed = False
    for path, layer in description.layers():
        kind, config = layer["class_name"], layer["config"]
        if kind == "ThresholdedReLU":
            layer.update(keras3_layer("ReLU", {"name": layer_name(layer), "threshold": config.get("theta", 1.0)}))
        elif kind in _REPLACED:
            if kind.startswith("LocallyConnected"):
                _order_patches(description, path, layer)
            own = {key: config[key] for key in _REPLACED[kind] if key in config}
            # Keep the data format for the step that wraps channels-first layers.
            kept = {key: config[key] for key in ("data_format",) if config.get(key) == "channels_first"}
            layer.update(replacement_layer(kind, {"name": layer_name(layer), **own, **kept}))
        else:
            continue
        changed = True
    return changed


def replace_pooling3d(description: Description) -> bool:
    """Replace 3D pooling by 2D pooling of rows and columns, and then of the depth."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if layer["class_name"] not in _POOLING3D or layer["class_name"] in description.custom_names:
            continue
        own = {key: config[key] for key in ("pool_size", "strides", "padding") if config.get(key) is not None}
        # Keep the data format for the step that wraps channels-first layers.
        kept = {key: config[key] for key in ("data_format",) if config.get(key) == "channels_first"}
        method = _POOLING3D[layer["class_name"]]
        layer.update(replacement_layer("Pooling3D", {"name": layer_name(layer), "method": method, **own, **kept}))
        changed = True
    return changed


def wrap_channels_first(description: Description) -> bool:
    """Wrap each channels-first layer, made channels-last, in two transposes; the model's input does not change."""
    changed = False
    for _, layer in list(description.layers()):
        config = layer["config"]
        if is_model(layer) or not isinstance(config, dict) or config.get("data_format") != "channels_first":
            continue
        if layer["class_name"] == "Flatten":
            continue  # Keras 3's Flatten supports it on every device.
        if layer.get("module", "") is None:
            del config["data_format"]  # edgekit's own layers support only channels last.
        else:
            config["data_format"] = "channels_last"
        wrapped = {key: layer[key] for key in ("class_name", "config", "module", "registered_name") if key in layer}
        layer.update(replacement_layer("ChannelsFirst", {"name": layer_name(layer), "layer": wrapped}))
        changed = True
    return changed


def _order_patches(description: Description, path: tuple[str, ...], layer: Layer) -> None:
    """Convert weights of a channels-first layer from (channels, rows, columns) to (rows, columns, channels)."""
    config = layer["config"]
    if config.get("implementation", 1) != 1 or config.get("padding", "valid") != "valid":
        raise ModelFileError(
            f"Layer '{layer_name(layer)}' keeps its kernels in a form that edgekit cannot read.",
            expected="implementation=1, padding='valid'",
            received=f"implementation={config.get('implementation', 1)}, padding={config.get('padding')!r}",
        )
    arrays = description.weights.get(path)
    if arrays and config.get("data_format") == "channels_first" and layer["class_name"] == "LocallyConnected2D":
        places, patch, filters = arrays[0].shape
        rows, columns = config["kernel_size"]
        by_channel = arrays[0].reshape(places, patch // (rows * columns), rows * columns, filters)
        arrays[0] = by_channel.transpose(0, 2, 1, 3).reshape(places, patch, filters)
        # Keras added the bias without moving its channels to the front.
        arrays[1:] = [bias.reshape(filters, *bias.shape[:2]).transpose(1, 2, 0) for bias in arrays[1:]]
