"""Options of a budget that do not go together are told so before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.budget.request import BudgetOptions, BudgetRequest, Preference, budget_request
from edgekit_runtime.errors import UsageError


@pytest.mark.parametrize(
    ("options", "quantize", "data", "sentence"),
    [
        (BudgetOptions(max_drop=0.005), "int8", None, "--max-drop needs data"),
        (BudgetOptions(), "auto", None, "--quantize auto needs data"),
        (BudgetOptions(metrics={"": "mse"}), "int8", "digits", "--metric needs --max-drop"),
        (BudgetOptions(metrics={"": "mse"}), "auto", "digits", "--metric needs --max-drop"),
        (BudgetOptions(max_drop=0.01, prefer="size"), "int8", "digits", "--prefer chooses among modes"),
        (BudgetOptions(strict=True), "int8", "digits", "--strict applies to a budget"),
        (BudgetOptions(prefer="size"), "all", "digits", "--prefer chooses among modes"),
        (BudgetOptions(max_drop=0.01), "all", "digits", "--all writes every variant"),
        (BudgetOptions(figure=Path("x.png")), "int8", "digits", "--figure draws the models of a budget"),
        (
            BudgetOptions(max_drop=0.01, metrics={"y": "accurracy"}),
            "int8",
            "digits",
            "accurracy is not a metric",
        ),
        (BudgetOptions(max_drop=5), "int8", "digits", "--max-drop is a fraction"),
        (BudgetOptions(max_drop=5, metrics={"": "agreement"}), "int8", "digits", "--max-drop is a fraction"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_usage_errors(options: BudgetOptions, quantize: str, data: str | None, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        budget_request(options, quantize=quantize, data=data)


@pytest.mark.parametrize(
    ("options", "quantize", "request_"),
    [
        (BudgetOptions(), "int8", None),
        (BudgetOptions(), "auto", BudgetRequest(0.005, {}, Preference.SPEED)),
        (BudgetOptions(prefer="size"), "auto", BudgetRequest(0.005, {}, Preference.SIZE)),
        (BudgetOptions(max_drop=0.0), "int8", BudgetRequest(0.0, {}, Preference.SPEED)),
        (BudgetOptions(max_drop=12.0, metrics={"": "mse"}), "int8", BudgetRequest(12.0, {"": "mse"}, Preference.SPEED)),
    ],
    ids=["none", "auto", "auto by size", "nothing may be lost", "another unit"],
)
def test_requests(options: BudgetOptions, quantize: str, request_: BudgetRequest | None) -> None:
    assert budget_request(options, quantize=quantize, data="digits") == request_
