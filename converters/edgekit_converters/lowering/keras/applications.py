"""Recognizes models of ``keras.applications``: each family was trained with its own pixel preprocessing.

Source: the ``preprocess_input`` of each family's module, and the names that it gives its layers. Families with their
own ``Rescaling`` layer are not listed: they take pixels from 0 to 255 unchanged, and the layer shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SIGNED = "--pixel-range -1,1"
_CAFFE = "--pixel-range 0,255 --mean 103.939,116.779,123.68 --color-order bgr"
_TORCH = "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"


@dataclass(frozen=True, slots=True)
class _Family:
    """A family: its name, a layer that only its members have, and the matching options of ``edgekit convert``."""

    name: str
    layer: str
    options: str


_FAMILIES = (
    _Family("MobileNetV2", "bn_Conv1", _SIGNED),
    _Family("MobileNet", "conv_dw_1", _SIGNED),
    _Family("Xception", "block14_sepconv2", _SIGNED),
    _Family("InceptionV3", "mixed10", _SIGNED),
    _Family("InceptionResNetV2", "mixed_7a", _SIGNED),
    _Family("ResNetV2", "conv2_block1_preact_bn", _SIGNED),
    _Family("ResNet", "conv2_block1_0_conv", _CAFFE),
    _Family("VGG", "block5_conv3", _CAFFE),
    _Family("DenseNet", "pool2_conv", _TORCH),
)


def application_note(model: Any) -> str:
    """Return a sentence about a model that is, or contains, one of ``keras.applications``; empty if there is none.

    Args:
        model: ``keras.Model``.
    """
    layers = {layer.name for layer in model._flatten_layers()}
    family = next((family for family in _FAMILIES if family.layer in layers), None)
    if family is None:
        return ""
    return (
        f"It has the layers of {family.name}, for which keras.applications preprocesses pixels in a special way: "
        f"if it was trained like that, convert it with {family.options}."
    )
