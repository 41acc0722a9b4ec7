"""PyTorch exported programs: read before anything is loaded; converted where litert-torch is installed."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit_converters.lowering.exported_program import is_exported_program, lower_exported_program
from edgekit_runtime.errors import ConversionError, ModelFileError, UnsafeModelError

HAS_TORCH = importlib.util.find_spec("litert_torch") is not None


def write_program(path: Path, *, graph: dict[str, Any] | None = None, weights: dict[str, Any] | None = None) -> Path:
    """An archive with the members that torch.export.save of PyTorch 2.13 writes."""
    node = {"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": []}
    plain_graph = {"graph_module": {"graph": {"nodes": [node]}}, "guards_code": []}
    plain_weights = {"config": {"w": {"path_name": "weight_0", "use_pickle": False}}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/archive_format", "pt2")
        archive.writestr("m/models/model.json", json.dumps({**plain_graph, **(graph or {})}))
        archive.writestr("m/data/weights/model_weights_config.json", json.dumps(weights or plain_weights))
    return path


def test_a_program_is_known_by_what_it_holds(tmp_path: Path) -> None:
    assert is_exported_program(write_program(tmp_path / "model.bin"))
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert not is_exported_program(tmp_path / "model.keras")


def node(target: str) -> dict[str, Any]:
    return {"graph_module": {"graph": {"nodes": [{"target": target}]}}}


@pytest.mark.parametrize(
    ("graph", "weights"),
    [
        (node("torch.hub.load"), None),
        (node("torch.ops.load_library"), None),
        (node("_operator.attrgetter"), None),
        ({"guards_code": ["__import__('os').system('touch marker')"]}, None),
        ({"range_constraints": {"x": {"expr_str": "().__class__.__mro__"}}}, None),
        ({"range_constraints": {"x": {"expr_str": "open('marker', 'w')"}}}, None),
        (None, {"config": {"w": {"path_name": "weight_0", "use_pickle": True}}}),
        (None, {"config": {"c": {"path_name": "custom_obj_0", "use_pickle": False}}}),
    ],
    ids=["hub", "library", "attrgetter", "guard", "dunder", "call", "pickled weights", "custom object"],
)
def test_what_pytorch_would_run_is_refused_unread(
    graph: dict[str, Any] | None, weights: dict[str, Any] | None, tmp_path: Path
) -> None:
    path = write_program(tmp_path / "model.pt2", graph=graph, weights=weights)
    with pytest.raises(UnsafeModelError, match=r"model\.pt2 holds"):
        lower_exported_program(path)


def test_a_damaged_program_is_a_sentence(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt2", "w") as archive:
        archive.writestr("m/archive_format", "pt2")
        archive.writestr("m/models/model.json", '{"graph_module": ')
    with pytest.raises(ModelFileError, match="could not be read"):
        lower_exported_program(tmp_path / "model.pt2")


@pytest.mark.skipif(HAS_TORCH, reason="litert-torch is installed here")
def test_without_litert_torch_the_message_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="PyTorch program") as caught:
        lower_exported_program(write_program(tmp_path / "model.pt2"))
    assert caught.value.next_step == "pip install 'edgekit[torch]'"


@pytest.mark.skipif(not HAS_TORCH, reason="litert-torch, the extra edgekit[torch], is not installed here")
def test_a_real_program_answers_as_pytorch_does(tmp_path: Path) -> None:
    import torch
    from ai_edge_litert.interpreter import Interpreter

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    x = torch.rand(1, 1, 8, 8)
    torch.export.save(torch.export.export(model.eval(), (x,)), tmp_path / "model.pt2")
    runner = Interpreter(model_content=lower_exported_program(tmp_path / "model.pt2")).get_signature_runner()
    (name,) = runner.get_input_details()
    (got,) = runner(**{name: x.numpy()}).values()
    np.testing.assert_allclose(got, model(x).detach().numpy(), atol=1e-5)


@pytest.mark.skipif(not HAS_TORCH, reason="litert-torch, the extra edgekit[torch], is not installed here")
def test_pickled_sample_inputs_are_refused(tmp_path: Path) -> None:
    import torch

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "marker",))

    path = write_program(tmp_path / "model.pt2")
    torch.save({"x": Payload()}, tmp_path / "sample.pt")
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(tmp_path / "sample.pt", "m/data/sample_inputs/model.pt")
    with pytest.raises(UnsafeModelError, match="pickled objects"):
        lower_exported_program(path)
    assert not (tmp_path / "marker").exists()
