"""Channels-first layers, which TFLite and TensorFlow on a CPU cannot compute."""

from __future__ import annotations

from edgekit_converters.keras_files.description import Description, is_model, layer_name, replacement_layer


def wrap_channels_first(description: Description) -> bool:
    """Let each channels-first layer work channels-last between two transposes; the model's input stays as it was."""
    changed = False
    for _, layer in list(description.layers()):
        config = layer["config"]
        if is_model(layer) or not isinstance(config, dict) or config.get("data_format") != "channels_first":
            continue
        if layer["class_name"] == "Flatten":
            continue  # Keras 3's own computes it on every device.
        if layer.get("module", "") is None:
            del config["data_format"]  # edgekit's own layers know no other.
        else:
            config["data_format"] = "channels_last"
        wrapped = {key: layer[key] for key in ("class_name", "config", "module", "registered_name") if key in layer}
        layer.update(replacement_layer("ChannelsFirst", {"name": layer_name(layer), "layer": wrapped}))
        changed = True
    return changed
