"""Names of layers and arguments that exist in Keras 2 but not in Keras 3."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import Description, is_model, keras3_layer, layer_name
from edgekit_converters.keras_files.wrapper_layers import wrapper_record
from edgekit_runtime.errors import ModelFileError

_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "UnifiedLSTM": "LSTM",
    "LSTMV2": "LSTM",
    "UnifiedGRU": "GRU",
    "GRUV2": "GRU",
    "CuDNNLSTMV2": "CuDNNLSTM",
    "Conv2DTransposeV2": "Conv2DTranspose",
    # Keras 3's internal name, which its .h5 files use.
    "GroupedQueryAttention": "GroupQueryAttention",
}

# Layers that only change a model's input or activations during training.
_AUGMENTATION = frozenset(
    {
        "RandomFlip",
        "RandomRotation",
        "RandomZoom",
        "RandomTranslation",
        "RandomContrast",
        "RandomBrightness",
        "RandomHeight",
        "RandomWidth",
        "RandomShear",
        "RandomHue",
        "RandomSaturation",
        "RandomSharpness",
        "RandomGrayscale",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomPosterization",
        "RandomErasing",
        "RandomGaussianBlur",
        "RandomPerspective",
        "RandomElasticTransform",
        "RandomInvert",
        "Solarization",
        "AutoContrast",
        "Equalization",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
        "ActivityRegularization",
    }
)

_DROPPED: dict[str, tuple[str, ...]] = {
    "InputLayer": ("ragged", "type_spec", "input_shape", "optional"),
    "Embedding": ("input_length", "sparse"),
    "BatchNormalization": (
        "fused",
        "virtual_batch_size",
        "adjustment",
        "renorm",
        "renorm_clipping",
        "renorm_momentum",
        "synchronized",
        "mode",
        "moving_mean_initializer",
        "moving_variance_initializer",
    ),
    "DepthwiseConv2D": ("groups", "filters", "kernel_initializer"),
    "DepthwiseConv1D": ("groups", "filters"),
    "SeparableConv1D": ("groups",),
    "SeparableConv2D": ("groups",),
    "Conv2DTranspose": ("groups",),
    "Conv1DTranspose": ("groups",),
    "Conv3DTranspose": ("groups",),
    "Softmax": ("robust_masking",),
    "MultiHeadAttention": ("softmax_robust_masking", "query_shape", "key_shape", "value_shape"),
    "Lambda": ("module", "output_shape_type", "output_shape_module", "function_type"),
    "Normalization": ("streaming",),
}
_DROPPED_RECURRENT = ("implementation", "time_major", "input_dim", "input_length", "num_constants", "states")
_DROPPED_EVERYWHERE = ("dynamic", "autocast", "_keras_api_names", "_keras_api_names_v1")

_NO_BUILTIN_FORM = {
    "Hashing": "hashes its input",
    "HashedCrossing": "hashes its input",
    "DenseFeatures": "reads a dictionary of features",
    "DenseFeaturesV2": "reads a dictionary of features",
}


def rename_keras2(description: Description) -> bool:
    """Rename layer classes that were renamed, or that were versions of one class."""
    changed = False
    for _, layer in description.layers():
        new = _CLASSES.get(layer["class_name"])
        if new:
            layer["class_name"] = new
            changed = True
    return changed


def refuse_table_layers(description: Description) -> bool:
    """Reject layers that hash or read tables, which have no form on a device."""
    for _, layer in description.layers():
        what = _NO_BUILTIN_FORM.get(layer["class_name"])
        if what:
            raise ModelFileError(
                f"Layer '{layer_name(layer)}' ({layer['class_name']}) {what}, which a .tflite cannot do.",
                next_step="remove this layer: save a model that starts after it, and prepare its input in Python",
            )
    return False


def drop_augmentation(description: Description) -> bool:
    """Replace augmentation and noise by Identity: in inference they pass their input on unchanged."""
    changed = False
    for _, layer in description.layers():
        if layer["class_name"] in _AUGMENTATION:
            layer.update(keras3_layer("Identity", {"name": layer_name(layer)}))
            changed = True
    return changed


def drop_keras2_arguments(description: Description) -> bool:
    """Drop arguments that no longer exist, and that have no effect or request what is now the only behavior."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if is_model(layer) or not isinstance(config, dict):
            continue
        if config.get("time_major"):
            raise ModelFileError(
                f"Layer '{layer_name(layer)}' has time before the batch (time_major=True), which Keras 3 does not "
                "support.",
                next_step="build the layer with time_major=False and transposes around it",
            )
        names = _DROPPED.get(layer["class_name"], ())
        if wrapper_record(layer).is_recurrent or layer["class_name"].endswith("Cell"):
            names += _DROPPED_RECURRENT
        for name in (*names, *_DROPPED_EVERYWHERE):
            changed |= config.pop(name, None) is not None
    return changed


def fill_keras2_defaults(description: Description) -> bool:
    """Set arguments that Keras 2 left implicit and for which Keras 3 has another default."""
    if description.era > 2:
        return False
    changed = False
    for _, layer in description.layers():
        if layer["class_name"] in ("GRU", "GRUCell") and "reset_after" not in layer["config"]:
            layer["config"]["reset_after"] = False
            changed = True
    return changed


def rename_keras2_arguments(description: Description) -> bool:
    """Rename ``alpha`` of ``LeakyReLU`` to ``negative_slope``."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if layer["class_name"] == "LeakyReLU" and "alpha" in config:
            config["negative_slope"] = config.pop("alpha")
            changed = True
    return changed


def unwrap_values(description: Description) -> bool:
    """Unwrap numbers, tuples and axes that are stored as objects or one-element lists."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if is_model(layer) or not isinstance(config, dict):
            continue
        for key, value in config.items():
            plain = _plain(value)
            if key == "axis" and isinstance(plain, list) and len(plain) == 1:
                plain = plain[0]
            if key == "shared_axes" and plain == [None]:
                plain = None
            changed |= plain != value
            config[key] = plain
    return changed


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("type") == "ndarray" and "value" in value:
            return value["value"]
        if value.get("class_name") == "__tuple__":
            return value.get("items")
        if value.get("class_name") == "TensorShape":
            return value.get("items")
    return value


def simplify_dtypes(description: Description) -> bool:
    """Replace dtype policies by plain names; every layer computes in float32, even in mixed or double precision."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if is_model(layer) or not isinstance(config, dict) or "dtype" not in config:
            continue
        name = _dtype_name(config["dtype"])
        plain = "float32" if name.startswith(("float", "mixed", "bfloat")) else name
        if layer["class_name"] == "InputLayer" or not plain.startswith(("float", "int", "uint")):
            changed |= config["dtype"] != plain
            config["dtype"] = plain
        else:
            changed |= config["dtype"] != "float32"
            del config["dtype"]
    return changed


def _dtype_name(dtype: Any) -> str:
    if isinstance(dtype, dict):
        config = dtype.get("config")
        return str(config.get("name", "float32")) if isinstance(config, dict) else str(config)
    return str(dtype or "float32")
