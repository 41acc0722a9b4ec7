"""What the scan lets pass and what it finds, beside attacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attack_files as attack
import pytest

from edgekit_converters.keras_files.container import open_keras_file
from edgekit_converters.keras_files.scan import Finding, ScanReport, require_safe, scan, scan_description
from edgekit_runtime.errors import ModelFileError, UnsafeModelError


def findings(layer: dict[str, Any], **names: Any) -> list[tuple[str, str]]:
    """Kinds and names of what is found in a model with one layer."""
    found = scan_description(attack.sequential(layer), "model", **names)
    return [(finding.kind, finding.name) for finding in found]


def layer(class_name: str, config: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": "it", **(config or {})}, **more}


@pytest.mark.parametrize(
    "plain",
    [
        layer("Convolution2D", {"init": "glorot_uniform", "W_regularizer": {"name": "WeightRegularizer", "l2": 0.1}}),
        layer("Merge", {"mode": "concat", "mode_type": "raw", "output_shape": None}),
        layer("CuDNNLSTM"),
        layer("TFOpLambda", {"function": "math.add"}, inbound_nodes=[["x", 0, 0, {"y": 2.5, "name": None}]]),
        layer("TensorFlowOpLayer", {"node_def": "\n\x03mul\x12\x03Mul", "constants": {"1": 2.0}}),
        layer("Dense", {"dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}}),
        layer("BatchNormalization", {"axis": [3]}),
        layer("Conv2D", {"kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": 2**63}}}),
        layer("RNN", {"cell": layer("StackedRNNCells", {"cells": [layer("LSTMCell"), layer("GRUCell")]})}),
        layer("Bidirectional", {"layer": layer("LSTM"), "backward_layer": layer("LSTM")}),
        layer("Dense", {"activation": attack.function("builtins", "relu")}),
        layer("Dense", module="keras.layers", registered_name=None),
        layer("GetItem", module="keras.src.ops.numpy", registered_name="GetItem"),
        layer("StringLookup", {"vocabulary": ["a", "b"]}),
        layer("InputLayer", {"type_spec": {"class_name": "TypeSpec", "type_spec": "tf.TensorSpec"}}),
        layer("Functional", {"layers": []}, module="keras.src.engine.functional", registered_name="Functional"),
    ],
    ids=lambda plain: plain["class_name"],
)
def test_plain_layers_pass(plain: dict[str, Any]) -> None:
    assert findings(plain) == []


@pytest.mark.parametrize(
    ("custom", "name"),
    [
        (layer("L1Dist"), "L1Dist"),
        (layer("Custom>L1Dist"), "Custom>L1Dist"),
        (layer("L1Dist", module="__main__", registered_name="L1Dist"), "L1Dist"),
        (layer("Dense", module="my_layers", registered_name="my_layers>Dense"), "Dense"),
        (layer("GroupNormalization", registered_name="Addons>GroupNormalization"), "GroupNormalization"),
        (layer("Dense", {"activation": attack.function("builtins", "Custom>my_relu")}), "Custom>my_relu"),
        (layer("Dense", {"kernel_initializer": {"class_name": "MyInit", "config": {}}}), "MyInit"),
    ],
    ids=["bare", "registered", "of a script", "named as Keras's", "of an add-on", "activation", "initializer"],
)
def test_custom_classes_pass_when_they_are_brought_along(custom: dict[str, Any], name: str) -> None:
    assert findings(custom) == [("custom class", name)]
    assert findings(custom, custom_names=frozenset({name.rpartition(">")[2]})) == []


def test_a_name_in_the_compile_state_is_harmless(tmp_path: Path) -> None:
    training = {
        "loss": "root_mean_squared_error",
        "metrics": ["accuracy", {"class_name": "MeanMetricWrapper", "config": {"fn": "my_metric"}}],
        "optimizer_config": {"class_name": "Custom>Ranger", "config": {"lr": float("nan")}},
        "more": attack.function("my_losses", "focal_loss"),
    }
    with open_keras_file(attack.write_h5(tmp_path / "m.h5", attack.sequential(attack.dense()), training)) as file:
        assert scan(file).findings == ()


def test_a_lambda_of_the_users_own_function() -> None:
    call = attack.lambda_calling("builtins", "Custom>scale", {})
    assert findings(call) == [("custom class", "Custom>scale")]
    assert findings(call, custom_names=frozenset({"scale"})) == [("lambda", "")]
    assert findings(attack.lambda_calling("os", "system", {})) == [("code", "")]


@pytest.mark.parametrize(
    "broken",
    [
        {"class_name": "Dense"},
        {"class_name": "Dense", "config": []},
        {"class_name": ["Dense"], "config": {}},
        {"class_name": "Dense", "config": {}, "module": 3},
        {"class_name": "Lambda", "config": "x"},
        {"class_name": "Dense", "config": {"k" * 300: 1}},
    ],
    ids=["no config", "a list", "a class in a list", "a module that is a number", "a Lambda of text", "a long key"],
)
def test_descriptions_that_contradict_themselves(broken: dict[str, Any]) -> None:
    assert [kind for kind, _ in findings(broken)] == ["malformed"]


def test_the_worst_finding_is_named_first() -> None:
    report = ScanReport(
        "model.h5",
        (
            Finding("a", "", "is a Lambda whose code is plain arithmetic", "lambda"),
            Finding("b", "Odd 'b'", "needs the class 'Odd'", "custom class", "Odd"),
            Finding("c", "TFSMLayer 'c'", "loads a SavedModel", "code"),
        ),
    )
    assert [finding.place for finding in report.refused] == ["c", "b"]
    with pytest.raises(UnsafeModelError) as refusal:
        require_safe(report)
    assert refusal.value.problem == ("model.h5: c (TFSMLayer 'c') loads a SavedModel. There is 1 more finding.")


def test_a_custom_class_tells_how_to_bring_it_along() -> None:
    report = ScanReport("m.h5", (Finding("b", "", "needs the class 'Custom>Odd'", "custom class", "Custom>Odd"),))
    with pytest.raises(ModelFileError) as refusal:
        require_safe(report)
    assert not isinstance(refusal.value, UnsafeModelError)
    assert refusal.value.next_step.endswith("--custom-objects module:Odd")


def test_findings_are_limited() -> None:
    many = attack.sequential(*(layer(f"Odd{number}") for number in range(1000)))
    assert len(scan_description(many, "model")) == 100


def test_published_files(shared_models: Path) -> None:
    """Files that are to convert pass, with their Lambdas read; the others are refused for the index's reason."""
    for entry in json.loads((shared_models / "index.json").read_text()):
        with open_keras_file(shared_models / entry["file"]) as file:
            report = scan(file)
        kinds = {finding.kind for finding in report.findings}
        if "custom class" in entry["expected"]:
            assert kinds == {"custom class"}, entry["file"]
            assert report.findings[0].name in entry["expected"]
        else:
            assert kinds == ({"lambda"} if "Lambda is" in entry["expected"] else set()), entry["file"]
