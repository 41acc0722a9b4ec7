"""Attention layers."""

from __future__ import annotations

from edgekit_converters.keras_files.description import Description

_KINDS = ("Attention", "AdditiveAttention")


def name_scores(description: Description) -> bool:
    """Restore an ``Attention``'s ``score_mode`` as a name: Keras 3 stored a function, which it cannot read back."""
    changed = False
    for _, layer in description.layers():
        mode = layer["config"].get("score_mode") if layer["class_name"] in _KINDS else None
        if mode not in (None, "dot", "concat"):
            layer["config"]["score_mode"] = "concat" if "concat" in str(mode) else "dot"
            changed = True
    return changed


def pass_causality(description: Description) -> bool:
    """Move ``causal`` from the layer to its calls, whose argument it is since Keras 2.10."""
    changed = False
    for _, layer in description.layers():
        if layer["class_name"] in _KINDS and "causal" in layer["config"]:
            if layer["config"].pop("causal"):
                for node in layer.get("inbound_nodes", []):
                    node["kwargs"]["use_causal_mask"] = True
            changed = True
    return changed
