"""Keras 1's names of layers and arguments."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import Description, Layer, is_model, layer_name
from edgekit_runtime.errors import ModelFileError

_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    # In Keras 2, Dense works along the last axis, as this layer did.
    "TimeDistributedDense": "Dense",
}

_ARGUMENTS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "stride": "strides",
    "pool_length": "pool_size",
    "filter_length": "kernel_size",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "output_dim": "units",
    "inner_activation": "recurrent_activation",
    "bias": "use_bias",
    "p": "rate",
    "sigma": "stddev",
    "length": "size",
}

_DROPPED = ("input_dim", "input_length", "input_dtype", "dropout_W", "dropout_U", "output_shape", "mode")
_WITHOUT_ORDER = ("ZeroPadding2D", "ZeroPadding3D", "Cropping2D", "Cropping3D", "UpSampling2D", "UpSampling3D")
_KERNEL_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_PADDINGS = {"valid": "valid", "same": "same", "half": "same"}
_DATA_FORMATS = {"tf": "channels_last", "th": "channels_first"}


def rename_keras1(description: Description) -> bool:
    """Rename the layers of Keras 1 and their arguments to the names used since Keras 2."""
    if description.era != 1:
        return False
    layers = [layer for _, layer in description.layers() if not is_model(layer)]
    orders = [layer["config"]["dim_ordering"] for layer in layers if "dim_ordering" in layer["config"]]
    for layer in layers:
        if layer["class_name"] in _WITHOUT_ORDER and orders:
            # These do not store it: they followed a global setting, as the other layers most likely did.
            layer["config"].setdefault("dim_ordering", max(orders, key=orders.count))
        if layer["class_name"] not in ("Merge", "Lambda", "InputLayer"):
            _rename(layer)
    return True


def _rename(layer: Layer) -> None:
    name, config = layer_name(layer), layer["config"]
    layer["class_name"] = _CLASSES.get(layer["class_name"], layer["class_name"])
    if layer["class_name"] == "BatchNormalization" and config.get("mode", 0) == 1:
        raise ModelFileError(
            f"Layer '{name}' normalizes each sample by itself (BatchNormalization mode=1), which only Keras 1 did.",
            next_step="retrain the model with a LayerNormalization in its place",
        )
    for sizes in _KERNEL_SIZES:
        if sizes[0] in config:
            config["kernel_size"] = [config.pop(size) for size in sizes]
    if layer["class_name"] == "Embedding":
        for key in ("input_length", "input_dtype", "dropout"):
            config.pop(key, None)
        return
    for key in _DROPPED:
        config.pop(key, None)
    for old, new in _ARGUMENTS.items():
        if old in config:
            config[new] = config.pop(old)
    for key, values in (("padding", _PADDINGS), ("data_format", _DATA_FORMATS)):
        if isinstance(config.get(key), str):
            config[key] = _translate(name, key, config[key], values)


def _translate(name: str, key: str, value: str, values: dict[str, str]) -> Any:
    if value not in values:
        raise ModelFileError(
            f"Layer '{name}' has a {key} that Keras 3 doesn't know.",
            expected=" or ".join(values),
            received=value,
        )
    return values[value]
