"""Interprets a code object's instructions with symbols on the stack: nothing is run; anything but arithmetic fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgekit_converters.keras_files.lambda_code.expression_bounds import BoundedExpressions
from edgekit_converters.keras_files.lambda_code.expressions import WHOLE_INPUT, Expression, call, is_constant
from edgekit_converters.keras_files.tensorflow_functions import read_backend_call, read_tensorflow_call


class CannotReadError(Exception):
    """The code is more than arithmetic, or is not code of this Python version.

    Attributes:
        progress: Number of instructions that were understood before.
    """

    def __init__(self, reason: str, progress: int = 0) -> None:
        super().__init__(reason)
        self.progress = progress


@dataclass(frozen=True, slots=True)
class _Name:
    """A global name and its attributes, such as ``tf.nn.relu``."""

    path: str


_NULL = _Name("")

_BINARY = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "mod",
    "**": "power",
    "@": "matmul",
}
_BINARY_NAMES = {
    "ADD": "+",
    "SUBTRACT": "-",
    "MULTIPLY": "*",
    "TRUE_DIVIDE": "/",
    "FLOOR_DIVIDE": "//",
    "MODULO": "%",
    "POWER": "**",
    "MATRIX_MULTIPLY": "@",
}
# The argument of BINARY_OP since Python 3.11; the in-place forms are 13 higher.
_BINARY_OPS = {0: "+", 2: "//", 4: "@", 5: "*", 6: "%", 8: "**", 10: "-", 11: "/"}
_SUBSCRIPT_OP = 26
_COMPARISONS = {
    "<": "less",
    "<=": "less_equal",
    "==": "equal",
    "!=": "not_equal",
    ">": "greater",
    ">=": "greater_equal",
}
_IGNORED = frozenset({"RESUME", "NOP", "CACHE", "PRECALL", "COPY_FREE_VARS", "NOT_TAKEN"})

_BACKENDS = ("K", "KB", "backend", "keras.backend", "tf.keras.backend", "tensorflow.keras.backend")
_ACTIVATIONS = ("activations", "keras.activations", "tf.keras.activations", "tensorflow.keras.activations")
_CONSTANTS = {"math.pi": math.pi, "np.pi": math.pi, "numpy.pi": math.pi, "np.newaxis": None, "tf.newaxis": None}
_NUMERIC: dict[str, Callable[..., float]] = {"sqrt": math.sqrt, "log": math.log, "exp": math.exp}
_BUILTINS: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "abs": abs}
_DTYPES = frozenset({"float32", "float16", "float64", "int32", "int64", "uint8", "bool"})


def read_instructions(
    code: Any, opcodes: Any, defaults: list[Any], closure: list[Any], arguments: dict[str, Any]
) -> Expression:
    """Read a code object as an expression of its first argument.

    Args:
        code: A code object from xdis.
        opcodes: xdis's table of opcodes of the Python version.
        defaults: Values of the last arguments.
        closure: Values of the free variables.
        arguments: Values of further arguments by name.
    Raises:
        CannotReadError: An instruction is not arithmetic.
    """
    from xdis.bytecode import Bytecode

    names = list(code.co_varnames)[: code.co_argcount]
    if not names:
        raise CannotReadError("a function without arguments")
    local: dict[str, Any] = dict(zip(names[::-1], reversed(defaults), strict=False)) | arguments
    local |= {name: None for name in names[1:] if name not in local and name in ("mask", "training")}
    local[names[0]] = WHOLE_INPUT
    # Before Python 3.11, xdis lists free variables as cell variables; a lambda has only one of the two kinds.
    cells = dict(zip([*code.co_freevars, *code.co_cellvars], closure, strict=False))
    machine = _Machine(code, local, cells)
    try:
        machine.require_bounded([*local.values()], [*cells.values()])
        for instruction in Bytecode(code, opcodes):
            if machine.step(instruction):
                return _finished(machine.stack.pop())
    except CannotReadError as error:
        error.progress = machine.taken
        raise
    except (IndexError, KeyError, ValueError, ArithmeticError, TypeError, AttributeError) as error:
        raise CannotReadError("code that cannot be followed to its end", machine.taken) from error
    raise CannotReadError("code that returns nothing", machine.taken)


def _finished(value: Any) -> Expression:
    if isinstance(value, _Name):
        raise CannotReadError(f"code that returns {value.path}")
    return value


class _Machine:
    """Python's stack machine, operating on expressions."""

    def __init__(self, code: Any, local: dict[str, Any], cells: dict[str, Any]) -> None:
        self.stack: list[Any] = []
        self.taken = 0
        self._code = code
        self._local = local
        self._cells = cells
        self._keywords: list[str] = []
        self._bounds = BoundedExpressions()

    def require_bounded(self, *values: Any) -> None:
        """Reject values that are too large, before any code traverses them."""
        for value in values:
            if excess := self._bounds.excess(value):
                raise CannotReadError(excess)

    def step(self, instruction: Any) -> bool:
        """Execute one instruction; return True at the end of the function."""
        name, value = instruction.opname, instruction.argval
        self.taken += 1
        if name in _IGNORED:
            return False
        if name in ("RETURN_VALUE", "RETURN_CONST"):
            if name == "RETURN_CONST":
                self._push_constant(value)
            return True
        if name.startswith(("LOAD_", "STORE_FAST", "PUSH_NULL")):
            self._load(name, value, instruction.arg)
        elif name.startswith(("CALL", "KW_NAMES")):
            self._call(name, value, instruction.arg)
        else:
            self._compute(name, value, instruction.arg)
        return False

    def _load(self, name: str, value: Any, arg: int) -> None:
        match name:
            case "LOAD_FAST" | "LOAD_FAST_BORROW" | "LOAD_FAST_CHECK":
                self._push(self._local[value])
            case "LOAD_FAST_LOAD_FAST" | "LOAD_FAST_BORROW_LOAD_FAST_BORROW":
                self.stack += [self._local[self._code.co_varnames[place]] for place in (arg >> 4, arg & 15)]
            case "STORE_FAST":
                self._local[value] = self.stack.pop()
            case "LOAD_CONST" | "LOAD_SMALL_INT":
                self._push_constant(value)
            case "LOAD_GLOBAL" | "LOAD_NAME":
                if name == "LOAD_GLOBAL" and self._code_is_from_311() and arg & 1:
                    self._push(_NULL)
                # In Python 2, True is a global name.
                self._push({"True": True, "False": False}.get(value, _Name(value)))
            case "LOAD_DEREF" | "LOAD_CLASSDEREF":
                self._push(self._local[value] if value in self._local else _constant(self._cells[value]))
            case "LOAD_ATTR" | "LOAD_METHOD":
                owner = self.stack.pop()
                if not isinstance(owner, _Name) or owner is _NULL:
                    raise CannotReadError(f"the attribute .{value} of a tensor")
                if name == "LOAD_METHOD" or (self._code_is_from_312() and arg & 1):
                    self._push(_NULL)
                path = f"{owner.path}.{value}"
                self.require_bounded(path)
                self._push(_Name(path))
            case "PUSH_NULL":
                self._push(_NULL)
            case _:
                raise CannotReadError(f"the instruction {name}")

    def _call(self, name: str, value: Any, arg: int) -> None:
        match name:
            case "KW_NAMES":
                self._keywords = [str(n) for n in self._code.co_consts[arg]]
            case "CALL_FUNCTION" if arg > 255:  # Until Python 3.5: pairs of a name and a value on the stack.
                pairs = [(self.stack.pop(), self.stack.pop()) for _ in range(arg >> 8)]
                keywords = {str(_plain(key)): value for value, key in reversed(pairs)}
                self._apply(self._pop(arg & 255), keywords, nulls=0)
            case "CALL_FUNCTION":
                self._apply(self._pop(arg), {}, nulls=0)
            case "CALL_METHOD":
                self._apply(self._pop(arg), {}, nulls=1)
            case "CALL_FUNCTION_KW" | "CALL_KW":
                keys = [str(key) for key in self.stack.pop()]
                values = self._pop(arg)
                positional = len(values) - len(keys)
                keywords = dict(zip(keys, values[positional:], strict=True))
                self._apply(values[:positional], keywords, nulls=1 if name == "CALL_KW" else 0)
            case "CALL":
                values = self._pop(arg)
                positional = len(values) - len(self._keywords)
                keywords = dict(zip(self._keywords, values[positional:], strict=True))
                self._keywords = []
                self._apply(values[:positional], keywords, nulls=1)
            case _:
                raise CannotReadError(f"the instruction {name}")

    def _compute(self, name: str, value: Any, arg: int) -> None:
        match name:
            case "BINARY_OP" if arg != _SUBSCRIPT_OP:
                self._binary(_BINARY_OPS[arg % 13])
            case "BINARY_OP" | "BINARY_SUBSCR":
                self._subscript()
            case "BINARY_SLICE":
                self._push(_slice(self._pop(2)))
                self._subscript()
            case "SLICE+0" | "SLICE+1" | "SLICE+2" | "SLICE+3":  # Python 2's own instructions for x[a:b].
                self._python2_slice(int(name[-1]))
            case "UNARY_NEGATIVE":
                operand = self.stack.pop()
                self._push(-operand if _is_number(operand) else call("negative", _tensor(operand)))
            case "COMPARE_OP" if str(value) in _COMPARISONS:
                left, right = self._pop(2)
                self._push(call(_COMPARISONS[str(value)], _tensor(left), _tensor(right)))
            case "BUILD_TUPLE" | "BUILD_LIST":
                self._push(self._pop(arg))
            case "BUILD_SLICE":
                self._push(_slice(self._pop(arg)))
            case "BINARY_DIVIDE" | "INPLACE_DIVIDE":  # Python 2's, which rounds whole numbers down.
                self._binary("//" if all(isinstance(v, int) for v in self.stack[-2:]) else "/")
            case _ if name.partition("_")[2] in _BINARY_NAMES:
                self._binary(_BINARY_NAMES[name.partition("_")[2]])
            case _:
                raise CannotReadError(f"the instruction {name}")

    def _python2_slice(self, bounds: int) -> None:
        stop = self.stack.pop() if bounds & 2 else None
        start = self.stack.pop() if bounds & 1 else None
        self._push(_slice([start, stop]))
        self._subscript()

    def _binary(self, sign: str) -> None:
        left, right = self._pop(2)
        if _is_number(left) and _is_number(right):
            self._push(_fold(sign, left, right))
        elif isinstance(left, list) and isinstance(right, list) and sign == "+":
            self._push(left + right)
        else:
            self._push(call(_BINARY[sign], _tensor(left), _tensor(right)))

    def _subscript(self) -> None:
        target, index = self._pop(2)
        if isinstance(target, list) and isinstance(index, int):
            self._push(target[index])
        elif isinstance(target, dict) and not is_constant(target):
            self._push(call("getitem", target, _index(index)))
        else:
            raise CannotReadError("an index into something that is not a tensor")

    def _apply(self, args: list[Any], keywords: dict[str, Any], nulls: int) -> None:
        """Call the function below the arguments, next to which there may be a NULL."""
        under = self._pop(1 + nulls)
        functions = [f for f in under if f is not _NULL]
        if len(functions) != 1 or not isinstance(functions[0], _Name):
            raise CannotReadError("a call of something that is not a function of Keras or TensorFlow")
        args = [_argument(value) for value in args]
        self._push(_function(functions[0].path, args, {k: _argument(v) for k, v in keywords.items()}))

    def _push(self, value: Any) -> None:
        self.require_bounded(value)
        self.stack.append(value)

    def _push_constant(self, value: Any) -> None:
        self.require_bounded(value)
        self._push(_constant(value))

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise CannotReadError("code that pops more from the stack than there is")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def _code_is_from_311(self) -> bool:
        return hasattr(self._code, "co_exceptiontable")

    def _code_is_from_312(self) -> bool:
        return self._code_is_from_311() and getattr(self._code, "version_triple", (3, 12))[:2] >= (3, 12)


def _function(path: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    """The value of a call of a function, given by the name in the code."""
    module, _, name = path.rpartition(".")
    if path in _BUILTINS and len(args) == 1 and _is_number(args[0]) and not keywords:
        return _BUILTINS[path](args[0])
    if module in ("math", "np", "numpy") and not keywords:
        if name in _NUMERIC and all(map(_is_number, args)):
            return _NUMERIC[name](*args)
        if name in ("array", "asarray", "float32") and len(args) == 1 and is_constant(args[0]):
            return args[0]
    if name == "constant" and (module in _BACKENDS or module in ("tf", "tensorflow")) and is_constant(args[:1]):
        return args[0]
    if module in _BACKENDS and name == "epsilon" and not args:
        return 1e-7
    expression = None
    if path == "abs":
        expression = read_tensorflow_call("abs", args, keywords)
    elif module in _BACKENDS or module in _ACTIVATIONS:
        expression = read_backend_call(name, args, keywords)
    elif path.startswith(("tf.", "tensorflow.")):
        expression = read_tensorflow_call(path.partition(".")[2], args, keywords)
    if expression is None:
        raise CannotReadError(f"a call of {path}")
    return expression


def _fold(sign: str, left: Any, right: Any) -> Any:
    match sign:
        case "+":
            return _real(left + right)
        case "-":
            return _real(left - right)
        case "*":
            return _real(left * right)
        case "/":
            return left / right
        case "//":
            return left // right
        case "%":
            return left % right
        case "**" if isinstance(right, float) or abs(right) <= 64:
            return _real(left**right)
    raise CannotReadError(f"the operator {sign} on numbers")


def _real(value: Any) -> Any:
    if not isinstance(value, (int, float)):  # a root of a negative number
        raise CannotReadError("a complex number")
    return value


def _constant(value: Any) -> Any:
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if value is Ellipsis or str(value) == "Ellipsis":
        return {"ellipsis": True}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, (tuple, list)):
        return [_constant(part) for part in value]
    raise CannotReadError(f"a constant of the type {type(value).__name__}")


def _argument(value: Any) -> Any:
    """Convert an argument of a call, in which a global name may be a dtype or a constant."""
    if isinstance(value, _Name):
        if value.path in _CONSTANTS:
            return _CONSTANTS[value.path]
        if value.path.rpartition(".")[2] in _DTYPES and value.path.partition(".")[0] in (
            "tf",
            "tensorflow",
            "np",
            "numpy",
        ):
            return value.path.rpartition(".")[2]
        raise CannotReadError(f"the name {value.path}")
    return [_argument(part) for part in value] if isinstance(value, list) else value


def _tensor(value: Any) -> Expression:
    """Convert an operand: a tensor, a number or a list of numbers."""
    value = _argument(value)
    if isinstance(value, str) or value is None:
        raise CannotReadError("arithmetic with something that is not a number")
    return value


def _index(index: Any) -> Expression:
    index = _argument(index)
    if not is_constant(index):
        raise CannotReadError("an index that is computed from the input")
    return index


def _slice(bounds: list[Any]) -> Expression:
    bounds = [_argument(bound) for bound in bounds]
    if any(bound is not None and not isinstance(bound, int) for bound in bounds):
        raise CannotReadError("a slice whose bounds are not numbers")
    return {"slice": [*bounds, None][:3]}


def _plain(value: Any) -> Any:
    return _constant(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
