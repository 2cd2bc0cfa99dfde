"""Bounties go into escrow and come back whole."""

from __future__ import annotations

import pytest

from scidex import ledger
from scidex.core.units import AmountNotPositive, AmountTooLarge
from scidex.entities import EntityKey, UnknownEntity
from scidex.exchange import bounties
from scidex.ledger import wallet_of

T = 1_000_000


def wallet(town, actor):
    return ledger.find_account(town.tx, wallet_of(actor)).balance


def offer(town, actor="alice", **change):
    terms = {"artifact": EntityKey("gap", "g"), "amount": 30 * T, "seconds": 60, "purpose": "fill it", **change}
    return bounties.offer_bounty(town.as_actor(actor), **terms).result


def test_an_offer_lies_in_escrow_until_its_funder_takes_it_back(town):
    town.actor("alice"), town.artifact("g", "gap")
    offered = offer(town)
    bounty = bounties.find_bounty(town.tx, offered.bounty)
    assert (bounty.remaining, bounty.state, wallet(town, "alice")) == (30 * T, "open", 70 * T)
    assert ledger.find_account(town.tx, bounty.escrow).balance == 30 * T
    back = bounties.refund_bounty(town.tx, bounty=offered.bounty).result
    assert (back.returned, back.state, wallet(town, "alice")) == (30 * T, "refunded", 100 * T)
    with pytest.raises(bounties.BountyEnded):
        bounties.refund_bounty(town.tx, bounty=offered.bounty)
    assert wallet(town, "alice") == 100 * T


def test_an_offer_past_its_time_goes_back_by_itself_once(town):
    town.actor("alice"), town.artifact("g", "gap")
    offered = offer(town).bounty
    assert bounties.expire_due_bounties(town.tx) == []
    town.pass_by(60)
    (expired,) = bounties.expire_due_bounties(town.as_actor("system"))
    assert (expired.result.bounty, expired.result.state, wallet(town, "alice")) == (offered, "expired", 100 * T)
    assert bounties.expire_due_bounties(town.tx) == []


def test_only_its_funder_or_an_operator_takes_a_bounty_back(town):
    town.actor("alice"), town.actor("bob"), town.artifact("g", "gap")
    offered = offer(town).bounty
    with pytest.raises(bounties.NotYourBounty):
        bounties.refund_bounty(town.as_actor("bob"), bounty=offered)
    bounties.refund_bounty(town.as_actor("operator"), bounty=offered)
    assert wallet(town, "alice") == 100 * T


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"amount": 0}, AmountNotPositive),
        ({"amount": 2**53}, AmountTooLarge),
        ({"amount": 101 * T}, ledger.InsufficientFunds),
        ({"seconds": 0}, ledger.DurationInvalid),
        ({"seconds": 10**12}, ledger.DurationInvalid),
        ({"artifact": EntityKey("gap", "unheard of")}, UnknownEntity),
        ({"actor": "ghost"}, ledger.UnknownAccount),
    ],
)
def test_what_an_offer_refuses(town, change, refusal):
    town.actor("alice"), town.artifact("g", "gap")
    with pytest.raises(refusal):
        offer(town, **change)
    assert wallet(town, "alice") == 100 * T
    assert bounties.find_bounties(town.tx) == []


def test_open_bounties_are_listed_the_largest_first(town):
    town.actor("alice"), town.artifact("g", "gap"), town.artifact("h", "gap")
    names = [offer(town, amount=amount * T).bounty for amount in (5, 9, 7)]
    offer(town, artifact=EntityKey("gap", "h"))
    found = bounties.find_bounties(town.tx, artifact=EntityKey("gap", "g"), state="open")
    assert [bounty.bounty for bounty in found] == [names[1], names[2], names[0]]
    with pytest.raises(bounties.UnknownBounty):
        bounties.find_bounty(town.tx, "b0")
