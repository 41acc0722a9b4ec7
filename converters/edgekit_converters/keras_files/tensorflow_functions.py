"""Maps functions of TensorFlow and of the Keras backend to ``keras.ops``.

Each entry gives the operation and the function's parameters in order. ``old>new`` renames a parameter; ``old>`` drops
one that does not affect the result.
"""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.lambda_code.expressions import Expression, call

_REDUCE = "input_tensor>x axis keepdims keep_dims>keepdims name>"

_FUNCTIONS: dict[str, tuple[str, str]] = {
    # Elementwise, two tensors
    **{
        name: (operation, "x>x1 y>x2 name>")
        for name, operation in {
            "add": "add",
            "add_v2": "add",
            "subtract": "subtract",
            "multiply": "multiply",
            "divide": "divide",
            "truediv": "divide",
            "div_no_nan": "divide",
            "floordiv": "floor_divide",
            "floormod": "mod",
            "mod": "mod",
            "pow": "power",
            "maximum": "maximum",
            "minimum": "minimum",
            "squared_difference": "squared_difference",
            "equal": "equal",
            "not_equal": "not_equal",
            "greater": "greater",
            "greater_equal": "greater_equal",
            "less": "less",
            "less_equal": "less_equal",
            "logical_and": "logical_and",
            "logical_or": "logical_or",
        }.items()
    },
    # Elementwise, one tensor
    **{
        name: (operation, "x input>x features>x logits>x name>")
        for name, operation in {
            "abs": "abs",
            "exp": "exp",
            "expm1": "expm1",
            "log": "log",
            "log1p": "log1p",
            "sqrt": "sqrt",
            "rsqrt": "rsqrt",
            "square": "square",
            "sign": "sign",
            "sin": "sin",
            "cos": "cos",
            "tan": "tan",
            "tanh": "tanh",
            "sigmoid": "sigmoid",
            "softplus": "softplus",
            "softsign": "softsign",
            "log_sigmoid": "log_sigmoid",
            "floor": "floor",
            "ceil": "ceil",
            "round": "round",
            "negative": "negative",
            "reciprocal": "reciprocal",
            "logical_not": "logical_not",
            "identity": "identity",
            "stop_gradient": "stop_gradient",
            "zeros_like": "zeros_like",
            "ones_like": "ones_like",
            "relu6": "relu6",
            "selu": "selu",
        }.items()
    },
    "relu": ("relu", "x input>x features>x name>"),
    "elu": ("elu", "x features>x alpha name>"),
    "gelu": ("gelu", "x features>x approximate name>"),
    "silu": ("silu", "x features>x beta> name>"),
    "swish": ("silu", "x features>x beta> name>"),
    "leaky_relu": ("leaky_relu", "features>x alpha>negative_slope name>"),
    "softmax": ("softmax", "logits>x axis name>"),
    "log_softmax": ("log_softmax", "logits>x axis name>"),
    "clip_by_value": ("clip", "t>x clip_value_min>x_min clip_value_max>x_max name>"),
    "cast": ("cast", "x dtype name>"),
    # Reductions
    **{
        name: (operation, _REDUCE)
        for name, operation in {
            "reduce_mean": "mean",
            "reduce_sum": "sum",
            "reduce_max": "max",
            "reduce_min": "min",
            "reduce_prod": "prod",
            "reduce_std": "std",
            "reduce_variance": "var",
            "reduce_logsumexp": "logsumexp",
            "reduce_any": "any",
            "reduce_all": "all",
        }.items()
    },
    "argmax": ("argmax", "input>x axis output_type> name>"),
    "argmin": ("argmin", "input>x axis output_type> name>"),
    "cumsum": ("cumsum", "x axis name>"),
    "l2_normalize": ("l2_normalize", "x axis epsilon name> dim>axis"),
    # Shapes
    "reshape": ("reshape", "tensor>x shape>newshape name>"),
    "transpose": ("transpose", "a>x perm>axes conjugate> name>"),
    "expand_dims": ("expand_dims", "input>x axis name> dim>axis"),
    "squeeze": ("squeeze", "input>x axis name> squeeze_dims>axis"),
    "concat": ("concatenate", "values>xs axis name>"),
    "stack": ("stack", "values>x axis name>"),
    "unstack": ("unstack", "value>x num axis name>"),
    "split": ("split", "value>x num_or_size_splits>sizes axis num> name>"),
    "tile": ("tile", "input>x multiples>repeats name>"),
    "repeat": ("repeat", "input>x repeats axis name>"),
    "reverse": ("flip", "tensor>x axis name>"),
    "gather": ("take", "params>x indices validate_indices> axis batch_dims> name>"),
    "pad": ("pad", "tensor>x paddings>pad_width mode constant_values name>"),
    "where": ("where", "condition x>x1 y>x2 name>"),
    "broadcast_to": ("broadcast_to", "input>x shape name>"),
    "one_hot": ("one_hot", "indices>x depth>num_classes on_value> off_value> axis dtype name>"),
    "depth_to_space": ("depth_to_space", "input>x block_size data_format> name>"),
    "space_to_depth": ("space_to_depth", "input>x block_size data_format> name>"),
    "matmul": ("matmul", "a>x1 b>x2 transpose_a transpose_b name>"),
    "bias_add": ("bias_add", "value>x bias data_format> name>"),
    "resize": ("resize", "images>x size method preserve_aspect_ratio> antialias> name>"),
    "getitem": ("getitem", "tensor>x slice_spec>index var>"),
}

# Functions of the Keras backend that differ from TensorFlow's.
_BACKEND: dict[str, tuple[str, str]] = {
    "mean": ("mean", "x axis keepdims"),
    "sum": ("sum", "x axis keepdims"),
    "max": ("max", "x axis keepdims"),
    "min": ("min", "x axis keepdims"),
    "prod": ("prod", "x axis keepdims"),
    "std": ("std", "x axis keepdims"),
    "var": ("var", "x axis keepdims"),
    "any": ("any", "x axis keepdims"),
    "all": ("all", "x axis keepdims"),
    "clip": ("clip", "x min_value>x_min max_value>x_max"),
    "concatenate": ("concatenate", "tensors>xs axis"),
    "permute_dimensions": ("transpose", "x pattern>axes"),
    "reshape": ("reshape", "x shape>newshape"),
    "expand_dims": ("expand_dims", "x axis"),
    "squeeze": ("squeeze", "x axis"),
    "reverse": ("flip", "x axes>axis"),
    "tile": ("tile", "x n>repeats"),
    "repeat_elements": ("repeat", "x rep>repeats axis"),
    "l2_normalize": ("l2_normalize", "x axis"),
    "softmax": ("softmax", "x axis"),
    "relu": ("relu", "x"),
    "elu": ("elu", "x alpha"),
    "pow": ("power", "x>x1 a>x2"),
    "cast": ("cast", "x dtype"),
    "hard_sigmoid": ("hard_sigmoid_keras2", "x"),
    "batch_flatten": ("batch_flatten", "x"),
    "gather": ("take", "reference>x indices"),
    "dot": ("matmul", "x>x1 y>x2"),
}

_NAMESPACES = frozenset(
    {"", "math", "nn", "linalg", "image", "__operators__", "compat.v1", "compat.v1.math", "compat.v1.nn"}
)


def read_tensorflow_call(path: str, args: list[Expression], kwargs: dict[str, Expression]) -> Expression | None:
    """Convert a call of ``tf.<path>``, such as ``math.truediv``, to an expression; None if edgekit doesn't know it."""
    namespace, _, name = path.rpartition(".")
    function = _FUNCTIONS.get(name) if namespace in _NAMESPACES else None
    return _bind(function, args, kwargs) if function else None


def read_backend_call(name: str, args: list[Expression], kwargs: dict[str, Expression]) -> Expression | None:
    """Convert a call of ``keras.backend.<name>`` to an expression; None if edgekit doesn't know it."""
    function = _BACKEND.get(name) or _FUNCTIONS.get(name)
    return _bind(function, args, kwargs) if function else None


def _bind(function: tuple[str, str], args: list[Expression], kwargs: dict[str, Expression]) -> Expression | None:
    """Assign each argument to its name in ``keras.ops``."""
    operation, signature = function
    renamed = {old: new if arrow else old for old, arrow, new in (p.partition(">") for p in signature.split())}
    if len(args) > len(renamed):
        return None
    bound: dict[str, Any] = {}
    for old, value in [*zip(renamed, args, strict=False), *kwargs.items()]:
        if old not in renamed:
            if value not in (None, False):
                return None
        elif renamed[old]:
            bound[renamed[old]] = value
    positional = [bound.pop(new) for new in ("condition", "x", "xs", "x1", "x2") if new in bound]
    return call(operation, *positional, **{key: value for key, value in bound.items() if value is not None})
