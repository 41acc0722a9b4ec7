"""The grammar of sizes that an export leaves open."""

from __future__ import annotations

import pytest

from edgekit_converters.exported_programs.symbolic_sizes import degree_of, symbol_of

S = "Symbol('s77', positive=True, integer=True)"


@pytest.mark.parametrize(
    ("expression", "degree"),
    [
        (S, 1),
        ("Symbol('s0')", 1),
        ("Integer(-3)", 1),
        (f"Mul(Integer(2), {S})", 2),
        (f"Add({S}, Integer(-1))", 1),
        (f"Pow({S}, Integer(3))", 3),
        (f"FloorDiv(Add(Mul({S}, {S}), Integer(4)), Integer(2))", 2),
        (f"Max(Integer(1), PythonMod({S}, Integer(8)))", 1),
        (f"And(GreaterThan({S}, Integer(2)), Not(Equality({S}, Integer(7))))", 1),
    ],
)
def test_what_exports_write_is_read(expression: str, degree: int) -> None:
    assert degree_of(expression) == degree


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('touch marker')",
        "().__class__.__mro__",
        "open('marker', 'w')",
        "Symbol('s0', positive=open('marker'))",
        "Symbol('s0').__class__",
        f"Add({S}, Lambda(x, x))",
        f"eval({S})",
        f"{S} + {S}",
        f"Add({S}",
        f"Add({S},{S})",
        "Pow(Integer(10), Integer(1000000000))",
        f"Pow({S}, {S})",
        "Integer(" + "9" * 5000 + ")",
        "Mul(" * 30 + S + ", Integer(2))" * 30,
        f"Mul({', '.join([S] * 40)})",
        "Symbol('s\u0661')",
        "",
    ],
)
def test_everything_else_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        degree_of(expression)


def test_a_plain_symbol_is_known_by_its_name() -> None:
    assert symbol_of(S) == "s77"
    assert symbol_of(f"Mul(Integer(2), {S})") is None
