"""3D pooling, which TFLite has no operator for."""

from __future__ import annotations

from edgekit_converters.keras_files.description import Description, layer_name, replacement_layer

_KINDS = {"MaxPooling3D": "max", "MaxPool3D": "max", "AveragePooling3D": "average", "AvgPool3D": "average"}


def replace_pooling3d(description: Description) -> bool:
    """Pool rows and columns, then depth: each is a 2D pooling, and together they are the 3D one."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if layer["class_name"] not in _KINDS or layer["class_name"] in description.custom_names:
            continue
        own = {key: config[key] for key in ("pool_size", "strides", "padding") if config.get(key) is not None}
        # The data format stays, for the step that wraps channels-first layers.
        kept = {key: config[key] for key in ("data_format",) if config.get(key) == "channels_first"}
        method = _KINDS[layer["class_name"]]
        layer.update(replacement_layer("Pooling3D", {"name": layer_name(layer), "method": method, **own, **kept}))
        changed = True
    return changed
