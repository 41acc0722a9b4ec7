"""The search on made-up models whose damage is known: it finds the operators that hurt, and no more of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

import pytest

from edgekit_converters.quantization.budget_search import BudgetSearch, MixedRecipe, search_budget
from edgekit_converters.quantization.operator_noise import OperatorNoise
from edgekit_converters.quantization.ranges import RangeRule

#: What is lost with these operators as integers, and under this rule.
Damage = Callable[[set[str], RangeRule], float]

NAMES = [f"op{number}" for number in range(24)]


def search(damage: Damage, names: Collection[str] = NAMES, max_drop: float = 0.005) -> BudgetSearch:
    """Search with models that are their own recipe as JSON, and noises as one operator alone makes them."""

    def build(recipe: MixedRecipe) -> bytes:
        return json.dumps([recipe.float_operators, recipe.range_rule.value]).encode()

    def evaluate(recipe: MixedRecipe) -> float:
        return damage(set(names) - set(recipe.float_operators), recipe.range_rule)

    def rank() -> list[OperatorNoise]:
        noise = [OperatorNoise(name, "CONV_2D", 1e-6 + damage({name}, RangeRule.MINMAX)) for name in names]
        return sorted(noise, key=lambda operator: operator.noise)

    return search_budget(build, evaluate, rank, max_drop=max_drop)


def of_operators(**losses: float) -> Damage:
    """Each named operator loses so much as an integer, whatever the others are."""
    return lambda integers, rule: sum(loss for name, loss in losses.items() if name in integers)


def of_tensor(writer: str, reader: str, loss: float) -> Damage:
    """A tensor between two operators, which is an integer as soon as one of them is."""
    return lambda integers, rule: loss if integers & {writer, reader} else 0.0


def test_plain_int8_within_the_budget_is_taken_and_nothing_is_ranked() -> None:
    found = search(of_operators(op3=0.005))
    assert (found.met, found.chosen.recipe, found.chosen.drop) == (True, MixedRecipe(), 0.005)
    assert found.evaluations == 1
    assert found.noise == ()


@pytest.mark.parametrize(
    ("damage", "needed"),
    [
        (of_operators(op7=0.3), {"op7"}),
        (of_operators(op2=0.3, op9=0.004, op20=0.1), {"op2", "op20"}),
        (of_tensor("op4", "op5", 0.8), {"op4", "op5"}),
        (of_tensor("op0", "op23", 0.8), {"op0", "op23"}),
        (
            lambda integers, rule: (
                0.5 * bool(integers & {"op3", "op4", "op11"}) + 0.2 * bool(integers & {"op15", "op16"})
            ),
            {"op3", "op4", "op11", "op15", "op16"},
        ),
        (of_operators(**dict.fromkeys(NAMES[:-1], 0.05)), set(NAMES[:-1])),
    ],
    ids=["one", "two of three", "tensor", "long tensor", "two tensors", "all but one"],
)
def test_only_what_hurts_stays_in_float(damage: Damage, needed: set[str]) -> None:
    found = search(damage)
    assert found.met
    assert set(found.chosen.recipe.float_operators) == needed
    assert found.chosen.drop <= 0.005


def test_as_many_are_integers_as_the_budget_bears() -> None:
    # Each loses 0.001: five may be integers, whichever they are.
    found = search(of_operators(**dict.fromkeys(NAMES, 0.001)))
    assert found.met
    assert len(found.chosen.recipe.float_operators) == len(NAMES) - 5
    assert found.chosen.drop == pytest.approx(0.005)


def test_few_models_are_judged() -> None:
    # 24 operators in float or not are 16.8 million models.
    assert search(of_tensor("op4", "op5", 0.8)).evaluations <= 16


def test_the_steps_lead_from_plain_int8_to_the_choice() -> None:
    found = search(of_operators(op2=0.3, op20=0.1))
    assert [step.recipe.float_operators for step in found.steps] == [(), ("op2",), ("op2", "op20")]
    assert [step.drop for step in found.steps] == [pytest.approx(0.4), pytest.approx(0.1), 0]
    assert found.steps[-1] == found.chosen


def test_clipping_is_taken_where_it_needs_no_float() -> None:
    found = search(lambda integers, rule: 0.3 if rule is RangeRule.MINMAX and integers else 0.0)
    assert found.met
    assert found.chosen.recipe == MixedRecipe((), RangeRule.PERCENTILE)
    assert [step.recipe.range_rule for step in found.steps] == [RangeRule.MINMAX, RangeRule.PERCENTILE]


def test_clipping_is_taken_where_it_needs_less_float() -> None:
    def damage(integers: set[str], rule: RangeRule) -> float:
        peaks = 0.3 * bool(integers & {"op1", "op2", "op3"}) if rule is RangeRule.MINMAX else 0.0
        return peaks + (0.2 if "op9" in integers else 0.0) + (1.0 if rule is RangeRule.AVERAGE else 0.0)

    found = search(damage)
    assert found.chosen.recipe == MixedRecipe(("op9",), RangeRule.PERCENTILE)


def test_a_budget_that_even_float_operators_miss_names_the_best() -> None:
    # Integer inputs and outputs, say, which no operator can mend.
    found = search(lambda integers, rule: 0.02 + 0.001 * len(integers))
    assert not found.met
    assert found.chosen.drop == pytest.approx(0.02)
    assert len(found.chosen.recipe.float_operators) == len(NAMES)


def test_a_model_of_floats_alone_is_no_int8_model() -> None:
    found = search(of_operators(**dict.fromkeys(NAMES, 0.05)))
    assert not found.met
    assert len(found.chosen.recipe.float_operators) == len(NAMES) - 1
    assert found.chosen.drop == pytest.approx(0.05)


def test_results_are_plain_values() -> None:
    plain = json.loads(json.dumps(search(of_operators(op2=0.3)).to_dict()))
    assert plain["chosen"] == {
        "recipe": {"float_operators": ["op2"], "range_rule": "minmax", "is_repaired": False},
        "drop": 0,
        "size_bytes": plain["chosen"]["size_bytes"],
    }
    assert plain["noise"][-1] == {"operator": "op2", "kind": "CONV_2D", "noise": pytest.approx(0.3, rel=1e-5)}


def test_an_operator_that_waits_for_another_goes_too() -> None:
    def damage(integers: set[str], rule: RangeRule) -> float:
        # op5 as an integer hurts unless op9 is one, too: what they do cancels.
        return 0.3 * ("op7" in integers) + 0.1 * ("op5" in integers and "op9" not in integers)

    assert search(damage).chosen.recipe.float_operators == ("op7",)
