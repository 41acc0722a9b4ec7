"""Decides from a file's own description, before any call of Keras, whether it consists of plain layers.

Every object in the description is compared with an allow-list, wherever it is: layers, nested models, wrappers,
initializers, dtypes, constants in calls. The compile state is never loaded, so it may name custom losses and metrics,
but may not contain code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

from edgekit_converters.keras_files.allow_list import CLASSES, FUNCTIONS, MODELS, OPTIMIZATION_CLASSES, RUNS_CODE
from edgekit_converters.keras_files.container import KerasFile
from edgekit_converters.keras_files.keras_operations import RUNS_FUNCTIONS, public_function
from edgekit_converters.keras_files.lambda_code.arithmetic import function_name, read_lambda, referred_function
from edgekit_converters.keras_files.lambda_code.code_strings import code_inside
from edgekit_converters.keras_files.wrapper_layers import inner_layer_keys
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

Kind = Literal["code", "foreign module", "outside file", "malformed", "custom class", "lambda"]

#: The most serious first: it is the one that the error message names.
_GRAVITY: tuple[Kind, ...] = ("code", "foreign module", "outside file", "malformed", "custom class", "lambda")
_MAX_REFUSED = 100
#: Reading the code of one Lambda takes up to 10 ms; Inception-ResNet has 40 of them.
_MAX_LAMBDAS = 128

# Models of keras.applications store TensorFlow's own initializers.
_KERAS_MODULE = re.compile(
    r"(keras|tf_keras|keras_core|tensorflow\.keras|tensorflow\.python\.keras)(\.\w+)*|tensorflow\.python\.ops\.init_ops(_v2)?"
)
_OPTIMIZATION_MODULE = re.compile(r"tensorflow_model_optimization(\.\w+)*")
_TENSOR_SPECS = frozenset({"TensorSpec", "SparseTensorSpec", "RaggedTensorSpec"})
# Arguments that Keras interprets as the path of a file to read.
_PATH_KEYS = frozenset({"vocabulary", "idf_weights", "filepath", "vocabulary_file"})
# Keras 1's Merge could merge with an arbitrary function.
_CODE_KINDS = frozenset({"lambda", "function"})
_LAMBDA_CODE = frozenset({"function", "output_shape", "mask"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One item in the description that is not plain.

    Attributes:
        place: Location of the item, such as ``"model_config.config.layers[3]"``.
        layer: The layer around it, such as ``"Lambda 'lambda_1'"``; "" outside of layers.
        reason: What is wrong, in words that follow the layer.
        kind: ``"lambda"`` for a ``Lambda`` layer that is arithmetic, or that calls something the user provides; all
            other kinds are rejected.
        name: Name of the custom class, for ``--custom-objects``; "" for the other kinds.
    """

    place: str
    layer: str
    reason: str
    kind: Kind
    name: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the fields as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ScanReport:
    """Findings of a scan, in the order of the description.

    Attributes:
        file: Name of the file.
        findings: The findings; empty for a file of plain layers. The scan ends after 100 that are rejected.
    """

    file: str
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings for which the file is rejected, the most serious first."""
        refused = [finding for finding in self.findings if finding.kind != "lambda"]
        return tuple(sorted(refused, key=lambda finding: _GRAVITY.index(finding.kind)))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"file": self.file, "findings": [finding.to_dict() for finding in self.findings]}


def scan(file: KerasFile, *, custom_names: frozenset[str] = frozenset()) -> ScanReport:
    """Scan an opened file's description and compile state.

    Args:
        file: The opened file; a weights-only file has nothing to scan.
        custom_names: Names of classes and functions that the user provides.
    """
    findings: list[Finding] = []
    if file.model_config is not None:
        place = "model_config" if file.container == "hdf5" else "config.json"
        findings += scan_description(file.model_config, place, custom_names=custom_names)
    if file.training_config is not None:
        root = _Visit(file.training_config, _Place("training_config"), in_compile_state=True)
        findings += _scan(root, custom_names)
    return ScanReport(file.path.name, tuple(findings))


def scan_description(
    description: dict[str, Any], place: str, *, custom_names: frozenset[str] = frozenset()
) -> list[Finding]:
    """Scan a model's description, ``{"class_name": ..., "config": ...}``, from any source.

    Args:
        description: The description.
        place: Name of the source in the findings.
        custom_names: Names of classes and functions that the user provides.
    """
    return _scan(_Visit(description, _Place(place), is_layer=True), custom_names)


def require_safe(report: ScanReport) -> None:
    """Reject a file with findings, except ``Lambda`` layers that the upgrade replaces.

    Raises:
        UnsafeModelError: The description contains code, names modules outside Keras, or refers to other files.
        ModelFileError: It uses a custom class that the user did not provide, or contradicts itself.
    """
    if not report.refused:
        return
    worst, *others = report.refused
    where = f"{worst.place} ({worst.layer})" if worst.layer else worst.place
    more = (
        f" There {'is 1 more finding' if len(others) == 1 else f'are {len(others)} more findings'}." if others else ""
    )
    problem = f"{report.file}: {where} {worst.reason}.{more}"
    if worst.kind == "custom class":
        raise ModelFileError(
            problem,
            expected="Keras's own layers",
            received=f"the custom class or function {worst.name}",
            next_step=f"pass the Python code that defines it: --custom-objects module:{worst.name.rpartition('>')[2]}",
        )
    if worst.kind == "malformed":
        raise ModelFileError(problem, next_step="save the model again, in the Keras that wrote it")
    raise UnsafeModelError(
        problem,
        expected="plain layers, without code and without other files",
        next_step="don't load this file unless you trust its author with your machine; --allow-unsafe loads it",
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """The location of a value, as a chain: as strings for every value, a deep description would take gigabytes.

    Attributes:
        step: A key, or the index in a list as ``"[3]"``.
        outer: Location of the object or list around it.
    """

    step: str
    outer: _Place | None = None

    def __str__(self) -> str:
        steps = []
        place: _Place | None = self
        while place is not None:
            steps.append(place.step)
            place = place.outer
        return "".join(reversed(steps))


@dataclass(frozen=True, slots=True)
class _Visit:
    """A value of the description during the scan.

    Attributes:
        value: The value.
        place: Its location.
        layer: The layer around it.
        is_layer: Whether the value may be a layer.
        in_compile_state: Whether it belongs to the compile state.
    """

    value: Any
    place: _Place
    layer: str = ""
    is_layer: bool = False
    in_compile_state: bool = False


def _scan(root: _Visit, custom_names: frozenset[str]) -> list[Finding]:
    findings: list[Finding] = []
    # Plain Lambdas are not counted as rejected: many of them must not end the scan before it sees the rest.
    refused = lambdas = 0
    # A stack instead of recursion: descriptions may be nested deeper than Python's calls.
    waiting = [root]
    # Keys under which the upgrade looks for the description of a layer.
    layer_keys = inner_layer_keys() | {"layers"}
    while waiting and refused < _MAX_REFUSED:
        visit = waiting.pop()
        found: Iterator[Finding] = iter(())
        if isinstance(visit.value, str):
            found = _judge_text(visit)
        elif isinstance(visit.value, list):
            items = [_item(visit, index) for index, value in enumerate(visit.value) if _may_mean_harm(value)]
            waiting += reversed(items)
        elif isinstance(visit.value, dict):
            lambdas += visit.value.get("class_name") == "Lambda"
            if lambdas > _MAX_LAMBDAS:
                findings.append(_finding(visit, f"follows {_MAX_LAMBDAS} Lambdas, more than a model has", "malformed"))
                break
            here = _around(visit)
            found = _judge_dict(here, custom_names)
            waiting += reversed(list(_members(here, layer_keys)))
        for finding in islice(found, _MAX_REFUSED):
            findings.append(finding)
            refused += finding.kind != "lambda"
    return findings


def _judge_dict(visit: _Visit, custom_names: frozenset[str]) -> Iterator[Finding]:
    if "class_name" in visit.value:
        yield from _judge_object(visit, custom_names)
    yield from _judge_keys(visit)


def _may_mean_harm(value: Any) -> bool:
    """False for numbers, of which long lists are common."""
    return isinstance(value, (str, list, dict))


def _item(visit: _Visit, index: int) -> _Visit:
    place = _Place(f"[{index}]", visit.place)
    return _Visit(visit.value[index], place, visit.layer, visit.is_layer, visit.in_compile_state)


def _around(visit: _Visit) -> _Visit:
    """The same visit, with the layer that starts here."""
    value = visit.value
    if not visit.is_layer or not isinstance(value.get("class_name"), str):
        return visit
    config = value.get("config")
    name = (config.get("name") if isinstance(config, dict) else None) or value.get("name") or ""
    layer = f"{value['class_name'][:80]} {_text(name)[:80]!r}" if name else value["class_name"][:80]
    return _Visit(value, visit.place, layer, True, visit.in_compile_state)


def _members(visit: _Visit, layer_keys: frozenset[str]) -> Iterator[_Visit]:
    value, is_object = visit.value, "class_name" in visit.value
    class_name = _text(value.get("class_name"))
    for key, member in value.items():
        if not _may_mean_harm(member):
            continue
        if is_object and class_name == "Lambda" and visit.is_layer and key == "config" and isinstance(member, dict):
            # The code itself is read by `lambda_code.arithmetic`.
            member = {k: v for k, v in member.items() if k not in _LAMBDA_CODE}  # noqa: PLW2901
        # Before Keras 2.2.3, the config of a Sequential was the list of its layers.
        is_list = key == "config" and isinstance(member, list) and class_name in MODELS
        yield _Visit(
            member,
            _Place(f".{key[:80]}", visit.place),
            visit.layer,
            is_layer=key in layer_keys or is_list,
            in_compile_state=visit.in_compile_state or (is_object and key == "compile_config"),
        )


def _judge_object(visit: _Visit, custom_names: frozenset[str]) -> Iterator[Finding]:
    value = visit.value
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if not all(isinstance(text, (str, type(None))) for text in (module, registered)) or not isinstance(name, str):
        yield _finding(visit, "has a name that is not a string", "malformed")
    elif name == "__lambda__":
        yield _finding(visit, "holds the code of a Python function", "code")
    elif name in RUNS_CODE:
        yield _finding(visit, RUNS_CODE[name], "code")
    elif _runs_function(visit, name, module, registered, custom_names):
        yield _finding(
            visit, f"calls {public_function(name)}, which runs a Python function that the file names", "code"
        )
    elif _is_foreign(name, module):
        yield _finding(visit, f"names the Python module {module!r:.80}, which is not Keras", "foreign module")
    elif visit.is_layer and not isinstance(value.get("config"), (dict, list) if name in MODELS else dict):
        yield _finding(visit, "is a layer without a description", "malformed")
    elif name == "Lambda" and not visit.in_compile_state:
        if not visit.is_layer:
            yield _finding(visit, "hides a Lambda where no layer belongs", "code")
        else:
            yield _judge_lambda(visit, custom_names)
    elif not visit.in_compile_state:
        yield from _judge_name(visit, name, module, registered, custom_names)


def _runs_function(
    visit: _Visit, name: str, module: str | None, registered: str | None, custom_names: frozenset[str]
) -> bool:
    """True for a Keras 3 operation that takes a function, but not for a custom layer with the same name."""
    if name not in RUNS_FUNCTIONS or visit.in_compile_state or name in custom_names or ">" in (registered or ""):
        return False
    return module.startswith("keras.") if module else "trainable" not in (visit.value.get("config") or {})


def _is_foreign(name: str, module: str | None) -> bool:
    """True for a module of Python's standard library, which no model consists of."""
    if not module or (module == "builtins" and name == "function"):
        return False
    return module != "__main__" and module.partition(".")[0] in sys.stdlib_module_names


def _judge_lambda(visit: _Visit, custom_names: frozenset[str]) -> Finding:
    config = visit.value["config"]
    if function_name(config) in custom_names:
        return _finding(visit, f"is a Lambda that calls your {function_name(config)}", "lambda")
    try:
        read_lambda(config)
    except UnsafeModelError as error:
        function = referred_function(config)
        if function and not _names_library_function(config["function"]):
            reason = f"is a Lambda that calls the function {function[:80]!r}, which the file does not contain"
            return _finding(visit, reason, "custom class", function[:80])
        return _finding(visit, f"is a Lambda, and its code is not plain arithmetic ({error.received})", "code")
    return _finding(visit, "is a Lambda whose code is plain arithmetic", "lambda")


def _names_library_function(reference: Any) -> bool:
    """True for a function of Python or Keras, which no user has to provide."""
    module = reference.get("module") if isinstance(reference, dict) else None
    if not isinstance(module, str):
        return False
    return _is_foreign("function", module) or bool(_KERAS_MODULE.fullmatch(module))


def _judge_name(
    visit: _Visit, name: str, module: str | None, registered: str | None, custom_names: frozenset[str]
) -> Iterator[Finding]:
    config = visit.value.get("config")
    if name == "function":
        # A reference to a function: the config is its name.
        known, name, module = FUNCTIONS, _text(config)[:200], None if module == "builtins" else module
        registered = None
    elif name in ("__typespec__", "TypeSpec"):
        spec = _text(visit.value.get("spec_name") or visit.value.get("type_spec")).rpartition(".")[2]
        if spec not in _TENSOR_SPECS:
            yield _finding(visit, f"describes a tensor by {spec[:80]!r}", "custom class", spec[:80])
        return
    else:
        known = CLASSES
    names = {name, name.rpartition(">")[2], (registered or name).rpartition(">")[2]}
    if names & custom_names:
        return
    package = (registered or "").rpartition(">")[0]
    if name in OPTIMIZATION_CLASSES and _OPTIMIZATION_MODULE.fullmatch(module or ""):
        return
    own = (module is None or _KERAS_MODULE.fullmatch(module)) and package in ("", "keras", "keras.layers")
    if known is FUNCTIONS and name not in known and _KERAS_MODULE.fullmatch(module or ""):
        yield _finding(visit, f"calls Keras's function {name[:80]!r}, which is not an activation", "code")
    elif name not in known or not own:
        origin = f" from {module!r:.80}" if module and not _KERAS_MODULE.fullmatch(module) else ""
        function = "the function" if known is FUNCTIONS else "the class"
        what = f"needs {function} {name[:80]!r}{origin}, which is not one of Keras's own"
        if visit.value.get("class_name") != "function" and not config:
            what += ", and its description is empty"
        yield _finding(visit, what, "custom class", name[:80])


def _judge_keys(visit: _Visit) -> Iterator[Finding]:
    """Check a dict's keys other than its class: code stored as in Keras 1, paths, and names that are paths."""
    value = visit.value
    for key in value:
        if len(key) > 200:
            yield _finding(visit, f"has a key of {len(key)} characters", "malformed")
    if _text(value.get("mode_type")) in _CODE_KINDS:
        yield _finding(visit, "merges by the code of a Python function", "code")
    if visit.in_compile_state:
        return
    for key in _PATH_KEYS & value.keys():
        if isinstance(value[key], str) and value[key]:
            yield _finding(visit, f"reads the file {value[key][:80]!r} ({key})", "outside file")
    name = value.get("name")
    if isinstance(name, str) and (".." in re.split(r"[/\\]", name) or "\0" in name):
        yield _finding(visit, "has a name that leads to another folder", "outside file")


def _judge_text(visit: _Visit) -> Iterator[Finding]:
    found = code_inside(visit.value)
    if found:
        yield _finding(visit, f"holds {found}", "code")


def _text(value: Any) -> str:
    """A string, or the type of another value: formatting objects at every level of a nesting takes minutes."""
    return value if isinstance(value, str) else type(value).__name__


def _finding(visit: _Visit, reason: str, kind: Kind, name: str = "") -> Finding:
    return Finding(str(visit.place), visit.layer, reason, kind, name)
