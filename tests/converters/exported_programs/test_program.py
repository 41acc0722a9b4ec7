"""Exported programs are read without PyTorch, and what PyTorch would run is refused."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgekit_converters.exported_programs.archive import is_exported_program
from edgekit_converters.exported_programs.program import ProgramTensor, archive_for_pytorch, read_program
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

from .archives import MODEL, PROGRAMS, WEIGHTS, Edit, edited, graph, members, write


def test_a_program_is_described_without_pytorch() -> None:
    program = read_program(PROGRAMS / "cnn.pt2")
    assert program.inputs == (ProgramTensor("image", (2, 3, 8, 8), ("s40", None, None, None), "float32"),)
    assert program.inputs[0].is_channels_first_image
    assert [(each.name, each.to_dict()["shape"]) for each in program.outputs] == [("output", [-1, 5])]
    assert program.batch_symbol == "s40"
    assert program.parameters == 3 * 4 * 9 + 4 + 4 * 4 + 4 * 5 + 5 + 1
    assert program.operators["conv2d"] == 1
    assert program.torch_version.startswith("2.13")


def test_inputs_and_outputs_are_named_as_in_forward() -> None:
    program = read_program(PROGRAMS / "several.pt2")
    assert [each.name for each in program.inputs] == ["tokens", "extra"]
    assert program.constants == {1: 3.0}
    assert [each.name for each in program.outputs] == ["mean", "flat"]


def test_training_mode_is_found_and_switched_off() -> None:
    program = read_program(PROGRAMS / "training.pt2")
    assert program.training == ("batch_norm", "dropout")
    flags = [x["arg"] for node in graph(program.description)["nodes"] for x in node["inputs"] if x["name"] == "train"]
    assert flags == [{"as_bool": False}]
    assert read_program(PROGRAMS / "cnn.pt2").training == ()


def test_pytorch_gets_nothing_that_was_not_checked(tmp_path: Path) -> None:
    marks = {"stack_trace": "MARK", "custom": json.dumps({"__enum__": True, "fqn": "MARK:x", "name": "y"})}

    def edit(description: Any) -> None:
        description["guards_code"] = ["MARK()"]
        description["verifiers"] = ["MARK"]
        module = description["graph_module"]
        module["metadata"] = marks
        module["graph"]["nodes"][0]["metadata"] = marks
        module["module_call_graph"][0]["signature"]["in_spec"] = '[1, {"type": "MARK"}]'
        module["treespec_namedtuple_fields"] = {"MARK": {"field_names": ["x"]}}

    content = edited(MODEL, edit) | {"data/sample_inputs/model.pt": b"MARK", "extra/notes.txt": b"MARK"}
    written = archive_for_pytorch(read_program(write(tmp_path / "m.pt2", content)))
    assert not [name for name, data in written if b"MARK" in data or "MARK" in name]
    assert dict(written)["data/sample_inputs/model.pt"] == b""


def set_target(target: str) -> Edit:
    def edit(description: Any) -> None:
        graph(description)["nodes"][0]["target"] = target

    return edit


def set_argument(argument: dict[str, Any], operator: int = 0) -> Edit:
    def edit(description: Any) -> None:
        graph(description)["nodes"][operator]["inputs"][0]["arg"] = argument

    return edit


def set_size(expression: str) -> Edit:
    def edit(description: Any) -> None:
        size = {"as_expr": {"expr_str": expression, "hint": {"as_int": 2}}}
        graph(description)["tensor_values"]["image"]["sizes"][0] = size

    return edit


def rename_input(name: str) -> Edit:
    def edit(description: Any) -> None:
        module = description["graph_module"]
        module["graph"]["inputs"][-1]["as_tensor"]["name"] = name
        module["graph"]["tensor_values"][name] = module["graph"]["tensor_values"]["image"]
        module["signature"]["input_specs"][-1]["user_input"]["arg"]["as_tensor"]["name"] = name

    return edit


def squaring(description: Any) -> None:
    """``x * x`` forty times, on a whole number."""
    for number in range(40):
        given = {"as_sym_int": {"as_name": f"n{number}"} if number else {"as_int": 3}}
        graph(description)["nodes"].append(
            {
                "target": "_operator.mul",
                "inputs": [{"name": name, "arg": given, "kind": 1} for name in ("a", "b")],
                "outputs": [{"as_sym_int": {"as_name": f"n{number + 1}"}}],
                "metadata": {},
            }
        )


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(set_target("torch.ops.aten.from_file.default"), id="operator that opens files"),
        pytest.param(set_target("torch.ops.aten.save.default"), id="operator that writes files"),
        pytest.param(set_target("torch.ops.aten.__class__.__init__"), id="dunder of an operator"),
        pytest.param(set_target("torch.hub.load"), id="hub"),
        pytest.param(set_target("torch.ops.load_library"), id="library"),
        pytest.param(set_target("torch.os.system"), id="os"),
        pytest.param(set_target("_operator.attrgetter"), id="attrgetter"),
        pytest.param(set_target("#triton:x"), id="extension"),
        pytest.param(set_argument({"as_operator": "torch.hub.load"}), id="operator as argument"),
        pytest.param(set_argument({"as_custom_obj": {"name": "x", "class_fqn": "y"}}), id="custom object"),
        pytest.param(set_argument({"as_graph": {"name": "x", "graph": {}}}), id="graph as argument"),
        pytest.param(set_size("__import__('os').system('touch marker')"), id="call in a size"),
        pytest.param(set_size("().__class__.__mro__"), id="dunder in a size"),
        pytest.param(rename_input("x\n    import os; os.system('touch marker')"), id="code in a name"),
        pytest.param(rename_input("__class__"), id="dunder as name"),
        pytest.param(squaring, id="squares of squares"),
    ],
)
def test_a_description_that_reaches_out_is_refused(edit: Edit, tmp_path: Path) -> None:
    path = write(tmp_path / "model.pt2", edited(MODEL, edit))
    with pytest.raises(UnsafeModelError, match=r"model\.pt2 holds"):
        read_program(path)


def payload(**changes: Any) -> Edit:
    def edit(table: Any) -> None:
        table["config"]["conv.weight"] |= changes

    return edit


def sizes(*values: int) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads(members()[WEIGHTS])["config"]["conv.weight"]["tensor_meta"]
    return meta | {"sizes": [{"as_int": value} for value in values], "strides": [{"as_int": 0} for _ in values]}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(payload(use_pickle=True), id="pickled"),
        pytest.param(payload(path_name="custom_obj_0"), id="custom object"),
        pytest.param(payload(path_name="../../weight_0"), id="path"),
        pytest.param(payload(tensor_meta=None), id="no shape"),
        pytest.param(payload(tensor_meta=sizes(1 << 20, 1 << 20)), id="one value repeated"),
        pytest.param(payload(tensor_meta=sizes(4, -1)), id="negative size"),
    ],
)
def test_weights_are_plain_and_as_large_as_what_is_stored(edit: Edit, tmp_path: Path) -> None:
    path = write(tmp_path / "model.pt2", edited(WEIGHTS, edit))
    with pytest.raises(UnsafeModelError):
        read_program(path)


def test_an_empty_weight_does_not_become_a_huge_one(tmp_path: Path) -> None:
    content = edited(WEIGHTS, payload(tensor_meta=sizes(1 << 15, 1 << 15))) | {"data/weights/weight_0": b""}
    with pytest.raises(UnsafeModelError, match="larger than what is stored"):
        read_program(write(tmp_path / "model.pt2", content))


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


MODEL_JSON = members()[MODEL]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m/data/aotinductor/model/model.so", b"\x7fELF"),
        ("m/data/aotinductor/model/wrapper.cpp", b""),
        ("m/models/model.jsno", MODEL_JSON),
        ("m/models/model.JSON", MODEL_JSON),
        ("m/models/other.json", MODEL_JSON),
        ("m/models/", b""),
        (f"m/{MODEL}", MODEL_JSON),
        ("other/models/model.json", MODEL_JSON),
        ("models/model.json", MODEL_JSON),
        ("m/../../outside", b""),
        ("/m/outside", b""),
        ("m/extra/../../outside", b""),
        ("m/data/constants/custom_obj_0", b""),
        ("m/data/weights/weight_0.so", b""),
        ("m/data/weights/weight_\u0661", b""),
        ("m/code/__torch__.py", b""),
        (link("m/data/weights/weight_99"), b"/etc/passwd"),
    ],
    ids=lambda value: repr(getattr(value, "filename", value))[:40],
)
def test_a_member_that_is_not_named_in_the_format_is_refused(name: Any, data: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "model.pt2", members(), (name, data))
    with pytest.raises(UnsafeModelError, match=r"model\.pt2 holds"):
        read_program(path)


def test_the_model_under_another_name_is_refused(tmp_path: Path) -> None:
    content = members()
    content["models/model.jsno"] = content.pop(MODEL)
    with pytest.raises(UnsafeModelError, match=r"model\.jsno"):
        read_program(write(tmp_path / "model.pt2", content))


def test_a_name_that_two_readers_read_differently_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.pt2", members(), ("m/extra/axmodels", b""))
    path.write_bytes(path.read_bytes().replace(b"m/extra/axmodels", b"m/extra/a\0models"))
    with pytest.raises((UnsafeModelError, ModelFileError)):
        read_program(path)


def test_compressed_members_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    bomb = write(tmp_path / "model.pt2", members(), ("m/data/weights/weight_99", bytes(50_000_000)), compress=8)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ModelFileError, match="compressed"):
        read_program(bomb)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    large = bytes(100_000)
    path = write(
        tmp_path / "model.pt2",
        members(),
        *((f"m/data/weights/weight_{n}", b"") for n in range(50, 60)),
        ("m/data/weights/weight_99", large),
    )
    content = bytearray(path.read_bytes())
    # In the table of contents all of them get the size of the largest one.
    place = 0
    while (place := content.find(b"PK\x01\x02", place)) >= 0:
        content[place + 20 : place + 28] = struct.pack("<II", len(large), len(large))
        place += 4
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        read_program(path)


@pytest.mark.parametrize("member", [MODEL, WEIGHTS, "data/weights/weight_0"])
def test_a_missing_member_is_named(member: str, tmp_path: Path) -> None:
    content = members()
    del content[member]
    with pytest.raises(ModelFileError, match="not a whole exported program"):
        read_program(write(tmp_path / "model.pt2", content))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": 1, "a": 2}', b"[" * 100_000, b"1" * 100_000])
def test_a_damaged_description_is_refused_with_a_sentence(data: bytes, tmp_path: Path) -> None:
    with pytest.raises((ModelFileError, UnsafeModelError)):
        read_program(write(tmp_path / "model.pt2", members() | {MODEL: data}))


def test_an_older_format_gets_the_line_that_converts_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    assert is_exported_program(tmp_path / "old.pt2")
    with pytest.raises(ModelFileError, match=r"2\.8 and before") as caught:
        read_program(tmp_path / "old.pt2")
    assert "torch.export.save(torch.export.load('old.pt2'), 'new.pt2')" in caught.value.next_step


def test_a_program_is_known_by_what_it_holds(tmp_path: Path) -> None:
    copied = tmp_path / "model.bin"
    copied.write_bytes((PROGRAMS / "cnn.pt2").read_bytes())
    assert is_exported_program(copied)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    assert not is_exported_program(tmp_path / "model.keras")
