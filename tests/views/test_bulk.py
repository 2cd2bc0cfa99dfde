"""What every door shares of asking: what is remembered, how lines are read, where a page of events ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scidex.actors import RegisterActor
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.exchange.markets import UnknownMarket
from scidex.ledger import InsufficientFunds, Issue, wallet_of
from scidex.senate.budgets import BudgetEvent
from scidex.views import (
    INTAKE_CHUNK,
    LINES_MAX,
    Bulk,
    Given,
    Known,
    OrderBody,
    ReserveBody,
    TooManyLines,
    Unread,
    at_line,
    check_key,
    chunks,
    events_shown,
    numbered,
    without_reading,
)

PAY = b'{"do": "transfer", "legs": [{"debit": "actor:operator/wallet/token", "credit": "actor:x/wallet/token", "amount": 1}], "reason": "r"}'


def test_what_never_changes_is_read_once_and_the_longest_unused_is_forgotten_first(tx: Tx, town) -> None:
    known, nowhere = Known(size=2), without_reading()
    for market in ("m1", "m2"):
        town.market(market)
        with pytest.raises(Unread):
            known.outcomes(nowhere, market)
        assert known.outcomes(tx, market) == known.outcomes(nowhere, market) == ("yes", "no")
    known.outcomes(nowhere, "m1")
    known.outcomes(tx, town.market("m3"))
    known.outcomes(nowhere, "m1")
    with pytest.raises(Unread):
        known.outcomes(nowhere, "m2")
    with pytest.raises(UnknownMarket):
        known.outcomes(tx, "nowhere")


def test_a_command_is_made_without_a_look_into_the_database_where_it_needs_none(tx: Tx, town) -> None:
    known, nowhere = Known(), without_reading()
    stated = ReserveBody(artifact_type="gap", artifact_id="g", llm_tokens=5, tier="batch", cpu_seconds="0.5")
    assert stated.command(nowhere, known).amounts == (("cpu_seconds", 500), ("llm_batch", 5))
    for asked in (
        ReserveBody(artifact_id="g", llm_tokens=5, tier="batch"),
        ReserveBody(artifact_type="gap", artifact_id="g", model="gpt-4o"),
        OrderBody(artifact_id="g", outcome="yes", spend=1),
    ):
        with pytest.raises(Unread):
            asked.command(nowhere, known)
    town.market("g")
    order = OrderBody(artifact_id="g", outcome="yes", spend=1).command(tx, known)
    assert OrderBody(market="g", outcome="yes", spend=1).command(nowhere, known) == order


def test_lines_are_numbered_as_editors_number_them() -> None:
    given = list(numbered([b"\xef\xbb\xbf{}\r\n", b"\n", b" \t\n", b"x"]))
    assert given == [Given(1, b"{}\r\n"), Given(4, b"x")]
    assert [len(chunk) for chunk in chunks(given * 3, 4)] == [4, 2]


def test_a_refusal_that_names_its_line_stays_the_same_refusal() -> None:
    refusal = InsufficientFunds(account="a", available="1", unit="token", needed="2", short="1")
    named = at_line(refusal, 7)
    assert (type(named), named.code, named.status) == (InsufficientFunds, "insufficient_funds", 409)
    assert str(named) == f"Line 7: {refusal}"
    assert named.facts == {**refusal.facts, "line": 7}


def test_a_batch_whole_has_a_largest_size_and_its_keys_have_room(economy: Economy) -> None:
    with pytest.raises(TooManyLines):
        Bulk(economy, "operator").carry_out_whole([Given(n, PAY) for n in range(LINES_MAX + 1)])
    assert Bulk(economy, "operator").carry_out_whole([]) == []
    assert check_key(None) is None
    with pytest.raises(Refusal):
        check_key("k" * 190)
    # The keys of an intake are of whole chunks, so its size is part of them.
    assert INTAKE_CHUNK == 5000


def test_a_line_is_of_who_sends_the_batch(economy: Economy) -> None:
    economy.perform_all([Request(Issue(wallet_of("operator"), 10**7, "r"), "operator")])
    (answer,) = Bulk(economy, "operator").carry_out([Given(1, PAY[:-1] + b', "actor": "alice"}')])
    assert answer.refusal is not None
    assert answer.refusal.code == "actor_differs"


def test_the_key_of_a_line_is_not_one_that_somebody_chooses(economy: Economy) -> None:
    """Found in review: line 1 of a batch under "k" did not happen where "k#1" had been used, by the same actor."""
    issue = Issue(wallet_of("operator"), 10**7, "r")
    economy.perform_all([Request(RegisterActor("x"), "operator"), Request(issue, "operator", "endowment")])
    own = b', "idempotency_key": "k#1"}'
    assert [each.status for each in Bulk(economy, "operator").carry_out([Given(1, PAY[:-1] + own)])] == ["done"]
    batch = [Given(1, PAY), Given(2, PAY)]
    for status in ("done", "repeated"):
        assert [each.status for each in Bulk(economy, "operator", "k").carry_out(batch)] == [status] * 2
    assert [each.status for each in Bulk(economy, "operator", "k#1").carry_out(batch)] == ["done"] * 2


def test_a_page_of_events_ends_with_a_command() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    found = [BudgetEvent(n, 0, at, "debt", "fleet", "", "usd", 1, None, None) for n in (9, 8, 8, 8, 7)]
    assert [events_shown(found, limit) for limit in (1, 2, 3, 4, 5, 9)] == [1, 4, 4, 4, 5, 5]
    assert events_shown([], 3) == 0
