"""Arithmetic on tensors as plain data, to which raw TensorFlow calls and stored Lambdas are converted.

An expression is a number, a string, None, a list of expressions, or one of

    {"input": None}                              all that the layer is called with
    {"input": 1}                                 the second of its tensors
    {"call": "divide", "args": [], "kwargs": {}} an operation of ``OPERATIONS``
    {"slice": [0, None, 2]}, {"ellipsis": True}  inside the index of ``getitem``
"""

from __future__ import annotations

from typing import Any

Expression = Any

WHOLE_INPUT: Expression = {"input": None}

_OPERATION_NAMES = """
    abs absolute add all amax amin any arccos arcsin arctan arctan2 argmax argmin average broadcast_to cast ceil clip
    concatenate cos cosh cumsum divide elu equal exp expand_dims expm1 flip floor floor_divide gelu greater
    greater_equal hard_silu identity isfinite isnan leaky_relu less less_equal log log10 log1p log2 log_sigmoid
    log_softmax logical_and logical_not logical_or logsumexp matmul max maximum mean min minimum mod multiply negative
    nan_to_num not_equal one_hot ones_like pad power prod reciprocal relu relu6 repeat reshape roll round rsqrt selu
    sigmoid sign silu sin sinh softmax softplus softsign split sqrt square squared_difference squeeze stack std
    stop_gradient subtract sum swapaxes take tan tanh tile transpose tril triu true_divide unstack var where zeros_like
    batch_flatten bias_add depth_to_space getitem hard_sigmoid_keras2 l2_normalize resize space_to_depth
"""
#: Operations by their names in ``keras.ops``; those on the last line are composed of others.
OPERATIONS = frozenset(_OPERATION_NAMES.split())


_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "power": "**"}
_RANKS = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}


def call(operation: str, *args: Expression, **kwargs: Expression) -> Expression:
    """Make the expression ``operation(*args, **kwargs)``."""
    return {"call": operation, "args": list(args), "kwargs": kwargs}


def is_constant(expression: Expression) -> bool:
    """True if ``expression`` does not involve a tensor."""
    if isinstance(expression, dict):
        return not {"input", "call"} & expression.keys()
    if isinstance(expression, (list, tuple)):
        return all(map(is_constant, expression))
    return True


def to_text(expression: Expression) -> str:
    """Write an expression as in Python: ``x / 127.5 - 1.0``."""
    return _text(expression)[0]


def as_affine(expression: Expression) -> tuple[float, float] | None:
    """Return ``(scale, offset)`` if the expression is ``scale * x + offset``, otherwise None."""
    if expression == WHOLE_INPUT:
        return 1.0, 0.0
    if not isinstance(expression, dict) or expression.get("call") not in _INFIX or expression["kwargs"]:
        return None
    left, right = expression["args"]
    operation = _INFIX[expression["call"]]
    if _is_number(right) and (inner := as_affine(left)):
        scale, offset = inner
        match operation:
            case "+":
                return scale, offset + right
            case "-":
                return scale, offset - right
            case "*":
                return scale * right, offset * right
            case "/" if right != 0:
                return scale / right, offset / right
    if _is_number(left) and (inner := as_affine(right)):
        scale, offset = inner
        match operation:
            case "+":
                return scale, offset + left
            case "-":
                return -scale, left - offset
            case "*":
                return scale * left, offset * left
    return None


def _is_number(value: Expression) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(expression: Expression) -> tuple[str, int]:
    """The text, and the precedence of its outermost operator."""
    if isinstance(expression, (list, tuple)):
        return "[" + ", ".join(map(to_text, expression)) + "]", 9
    if not isinstance(expression, dict):
        return repr(expression), 9
    if "input" in expression:
        number = expression["input"]
        return ("x" if number is None else f"x[{number}]"), 9
    if "slice" in expression:
        start, stop, step = ("" if part is None else str(part) for part in expression["slice"])
        return f"{start}:{stop}" + (f":{step}" if step else ""), 9
    if "ellipsis" in expression:
        return "...", 9
    operation, args = expression["call"], expression["args"]
    if operation == "getitem" and len(args) == 2:
        index = args[1] if isinstance(args[1], list) else [args[1]]
        return f"{_bracketed(args[0], 9)}[{', '.join(map(to_text, index))}]", 9
    if operation in _INFIX and len(args) == 2 and not expression["kwargs"]:
        sign = _INFIX[operation]
        rank = _RANKS[sign]
        return f"{_bracketed(args[0], rank)} {sign} {_bracketed(args[1], rank + 1)}", rank
    named = [f"{key}={to_text(value)}" for key, value in expression["kwargs"].items()]
    return f"{operation}({', '.join([*map(to_text, args), *named])})", 9


def _bracketed(expression: Expression, rank: int) -> str:
    text, binds = _text(expression)
    return f"({text})" if binds < rank else text
