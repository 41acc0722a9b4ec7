"""Switches operators that were exported in training mode to evaluation, as ``model.eval()`` would have done."""

from __future__ import annotations

from typing import Any

#: Operators that behave differently in training, by the name of the argument that selects it.
_FLAGS = {
    "train": {"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout", "lstm", "gru"}
    | {"rnn_tanh", "rnn_relu"},
    "training": {"batch_norm", "native_batch_norm", "rrelu"},
}


def to_evaluation_mode(nodes: list[dict[str, Any]]) -> tuple[str, ...]:
    """Switch training off in place.

    Args:
        nodes: The nodes of a checked description.
    Returns:
        Names of the operators that were in training mode, each once.
    """
    switched = []
    for node in nodes:
        operator = node["target"].split(".")[-2].removesuffix("_") if "." in node["target"] else ""
        for given in node["inputs"]:
            if given["arg"] == {"as_bool": True} and operator in _FLAGS.get(given["name"], ()):
                given["arg"] = {"as_bool": False}
                switched.append(operator)
    return tuple(dict.fromkeys(switched))
