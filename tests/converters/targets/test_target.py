"""The table of operators, held against the interpreter that is installed here."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from edgekit_converters.targets import adaptation
from edgekit_converters.targets import target as target_module
from edgekit_converters.targets.rules import RULES
from edgekit_converters.targets.target import RECORDS, TargetRecord, find_target, target_names
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.schema import BUILTIN_OPERATORS

PROBERS = Path(__file__).resolve().parents[2] / "data" / "targets"


def prober(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, PROBERS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # The probes import a module beside them.
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROBERS)
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", target_names())
def test_every_target_has_facts_and_operators(name: str) -> None:
    target = find_target(name)
    assert target.runtime and target.python and target.machines and target.measured_on
    assert {"CONV_2D", "FULLY_CONNECTED", "SOFTMAX", "RESHAPE"} <= set(target.highest_versions)
    assert set(target.highest_versions) <= set(BUILTIN_OPERATORS)


@pytest.mark.parametrize("field", [field.name for field in fields(TargetRecord)])
def test_a_record_with_a_missing_field_fails_at_import(field: str) -> None:
    source = Path(target_module.__file__).read_text()
    pattern = re.compile(rf"\n {{8}}{field}=.*?(?=\n {{8}}\w|\n {{4}}\))", re.DOTALL)
    incomplete, removed = pattern.subn("", source, count=1)
    assert removed == 1
    with pytest.raises(TypeError, match=f"missing 1 required .*argument: '{field}'"):
        exec(compile(incomplete, target_module.__file__, "exec"), {"__name__": target_module.__name__})


def test_a_target_with_a_record_is_listed_and_its_batch_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    dummy = replace(RECORDS[-1], name="dummy")
    for module in (target_module, adaptation):
        monkeypatch.setattr(module, "RECORDS", (*RECORDS, dummy))
    assert target_names()[-1] == "dummy"
    assert adaptation.needs_fixed_batch(["dummy"])
    with pytest.raises(UsageError) as refusal:
        find_target("another")
    assert "tflite-micro, dummy" in str(refusal.value.expected)


def test_rules_name_targets_that_exist() -> None:
    assert {name for rule in RULES for name in rule.targets} <= set(target_names())


def test_versions_grow_with_the_runtime() -> None:
    older, newer = (find_target(name).highest_versions for name in ("tflite-runtime-2.5", "tflite-runtime-2.14"))
    assert [name for name in older if (older[name] or 0) > (newer.get(name) or 0)] == []
    # Known from the release notes: per-channel hybrid dense layers came after 2.14.
    assert (older["FULLY_CONNECTED"], newer["FULLY_CONNECTED"]) == (9, 10)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=re.escape("litert-1.4, tflite-runtime-2.14")):
        find_target("tflite")


def test_the_tables_agree_with_the_interpreter_here() -> None:
    # The tables are those of 2.3.0; another 2.x may have more.
    if pytest.importorskip("ai_edge_litert").__version__ != "2.3.0":
        pytest.skip("the tables were made with ai-edge-litert 2.3.0")
    target = find_target("litert")
    assert prober("probe_versions").probe("litert", sys.executable) == dict(target.highest_versions)
    found = prober("probe_types").probe("litert", sys.executable)
    assert {name: tuple(types) for name, types in found.items()} == dict(target.types)
