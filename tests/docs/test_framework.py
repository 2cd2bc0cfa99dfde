"""The framework's page has no constant of its own: each is a field of the policy, with its value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scidex.policy import Policy

PAGE = (Path(__file__).parents[2] / "docs/economics_framework_spec.md").read_text(encoding="utf-8")
CONSTANT = re.compile(r"`policy\.(\w+)(?:\[\"(\w+)\"\])?` = ([\w.]*\w)")
TOPICS = ("demand_", "certainty_", "uncertainty_", "review_", "proposal_", "policy_", "signal_", "score_", "roi_")
"""What the names of the fields begin with that the page is about; it leaves out those that only bound a size."""
STRUCTURE = {"0", "1", "2"}
"""What formulas may have: that of the specification goes from one to two times around a half."""


def check_page(page: str, policy: Policy) -> list[str]:
    """Every constant has the value of its field, and no other number stands on the page."""
    offences = []
    for field, key, told in CONSTANT.findall(page):
        value = getattr(policy, field, None)
        if key and isinstance(value, dict):
            value = value.get(key)
        values = value if isinstance(value, tuple) else (value,)
        if told not in [str(each) for each in values]:
            offences.append(f"{field}{f'[{key}]' if key else ''} is {value}, and the page has {told}")
    formulas = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    prose = CONSTANT.sub("", re.sub(r"```.*?```|\]\([^)]*\)", "", page, flags=re.DOTALL))
    numbers = [number for formula in formulas for number in _numbers(formula) if number not in STRUCTURE]
    return offences + [f"{number} is no field of the policy" for number in [*numbers, *_numbers(prose)]]


def _numbers(text: str) -> list[str]:
    return re.findall(r"(?<![\w.])\d[\d.,]*(?:\s*%)?", text)


def test_every_constant_is_taken_from_the_policy() -> None:
    assert check_page(PAGE, Policy()) == []
    assert len(CONSTANT.findall(PAGE)) > 50


def test_every_field_of_the_framework_stands_on_the_page() -> None:
    told = {field for field, _, _ in CONSTANT.findall(PAGE)}
    fields = {name for name in Policy.model_fields if name.startswith(TOPICS) and not name.endswith("_max")}
    assert fields - told == {"proposal_all_vote"}


@pytest.mark.parametrize(
    ("page", "offence"),
    [
        ("`policy.demand_weight` = 0.2 of it", "demand_weight is 0.1, and the page has 0.2"),
        ("`policy.forgotten` = 1.", "forgotten is None, and the page has 1"),
        (
            '`policy.units_per_token["llm_batch"]` = 20',
            "units_per_token[llm_batch] is 200, and the page has 20",
        ),
        ("half of it, 0.5, is kept", "0.5, is no field of the policy"),
        ("after 14 days", "14 is no field of the policy"),
        ("```\nbudget = 0.1 * demand\n```", "0.1 is no field of the policy"),
    ],
)
def test_a_constant_of_its_own_is_caught(page: str, offence: str) -> None:
    assert check_page(page, Policy()) == [offence]
