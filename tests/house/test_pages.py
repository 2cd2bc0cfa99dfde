"""Every setting and every policy field is documented, by pages that cannot drift from the classes."""

from __future__ import annotations

from pydantic import Field
from tests.house.access import access_page, routes_of
from tests.house.client import description
from tests.house.pages import check_page, policy_page, settings_page
from tests.house.source import ROOT

from scidex.core.settings import Settings
from scidex.policy import Policy

MOST_SETTINGS = 20
WRITE = "write it with: python -m tests.house.pages"


def test_every_setting_is_on_its_page() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), WRITE
    assert check_page(Settings, page, "SCIDEX_{NAME}") == []


def test_every_policy_field_is_on_its_page() -> None:
    page = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    assert page == policy_page(), WRITE
    assert check_page(Policy, page, "{name}") == []


def test_every_route_is_on_the_page_that_says_who_may_ask() -> None:
    page = (ROOT / "docs/access.md").read_text(encoding="utf-8")
    assert page == access_page(routes_of(description())), WRITE


def test_there_are_few_settings() -> None:
    assert len(Settings.model_fields) <= MOST_SETTINGS, "a new number is policy, or a setting has to go"


def test_an_undocumented_setting_is_caught() -> None:
    class MoreSettings(Settings):
        turbo: bool = False

    assert check_page(MoreSettings, settings_page(), "SCIDEX_{NAME}") == [
        "MoreSettings.turbo does not say what it means",
        "MoreSettings.turbo is not on the page",
    ]


def test_a_new_default_or_bound_needs_a_new_page() -> None:
    class OtherPolicy(Policy):
        hold_longest_s: int = Field(default=7, ge=1, description="longest life of a hold, in seconds")

    class LooserPolicy(Policy):
        hold_longest_s: int = Field(default=2_592_000, ge=0, description="longest life of a hold, in seconds")

    assert len({policy_page(), policy_page(OtherPolicy), policy_page(LooserPolicy)}) == 3
