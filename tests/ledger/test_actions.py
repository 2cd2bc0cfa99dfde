"""Value moves between accounts, and only where it may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege

from scidex import actors, ledger
from scidex.actors import RoleNeeded, UnknownActor
from scidex.core.journal import KeyReused, Request, perform
from scidex.core.names import NameInvalid
from scidex.core.units import MAX_AMOUNT, AmountNotNumber, AmountNotPositive, AmountTooLarge, UnknownUnit
from scidex.ledger import AccountKey, Leg, wallet_of

T = 1_000_000
ALICE, BOB = wallet_of("alice"), wallet_of("bob")


def balance(town, account):
    return ledger.find_account(town.tx, account).balance


def test_a_transfer_moves_value_and_every_unit_still_sums_to_zero(town):
    town.actor("alice"), town.actor("bob")
    receipt = ledger.transfer(town.as_actor("alice"), legs=[Leg(ALICE, BOB, 30 * T)], reason="thanks")
    assert receipt.result.balances == ((ALICE, 70 * T), (BOB, 130 * T))
    assert set(ledger.sums_by_unit(town.tx).values()) == {0}


def test_linked_legs_happen_all_or_none(town):
    town.actor("alice"), town.actor("bob")
    legs = [Leg(ALICE, BOB, 60 * T), Leg(ALICE, BOB, 60 * T)]
    with pytest.raises(ledger.InsufficientFunds) as refused:
        ledger.transfer(town.as_actor("alice"), legs=legs, reason="too much")
    assert refused.value.facts == {
        "account": "actor:alice/wallet/token",
        "unit": "token",
        "available": "40",
        "needed": "60",
        "short": "20",
    }
    assert (balance(town, ALICE), balance(town, BOB)) == (100 * T, 100 * T)


def test_a_later_leg_may_spend_what_an_earlier_one_brought(town):
    town.actor("alice"), town.actor("bob", tokens=1)
    legs = [Leg(ALICE, BOB, 50 * T), Leg(BOB, ALICE, 51 * T)]
    ledger.transfer(town.as_actor("operator"), legs=legs, reason="round trip")
    assert (balance(town, ALICE), balance(town, BOB)) == (101 * T, 0)


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        (0, AmountNotPositive),
        (-5, AmountNotPositive),
        (MAX_AMOUNT + 1, AmountTooLarge),
        (1.5, AmountNotNumber),
        (float("nan"), AmountNotNumber),
        (True, AmountNotNumber),
    ],
)
def test_an_amount_is_a_whole_number_of_parts_within_bounds(town, amount, refusal):
    town.actor("alice"), town.actor("bob")
    with pytest.raises(refusal):
        ledger.transfer(town.as_actor("alice"), legs=[Leg(ALICE, BOB, amount)], reason="odd")
    assert balance(town, ALICE) == 100 * T


@pytest.mark.parametrize(
    ("actor", "legs", "refusal"),
    [
        ("alice", [], ledger.NoLegs),
        ("alice", [Leg(ALICE, ALICE, T)], ledger.SameAccount),
        ("alice", [Leg(ALICE, wallet_of("nobody"), T)], ledger.UnknownAccount),
        ("alice", [Leg(BOB, ALICE, T)], ledger.NotYourAccount),
        ("ghost", [Leg(BOB, ALICE, T)], UnknownActor),
        ("operator", [Leg(ledger.issuance_of("token"), ALICE, T)], ledger.HouseAccount),
        ("alice", [Leg(AccountKey("actor:alice", "issuance", "token"), ALICE, T)], ledger.HouseAccount),
        ("alice", [Leg(ALICE, AccountKey("system", "issuance", "usd"), T)], ledger.HouseAccount),
        ("alice", [Leg(ALICE, AccountKey("market:m", "collateral", "token"), T)], ledger.HouseAccount),
        ("operator", [Leg(AccountKey("bounty:b1", "escrow", "token"), ALICE, T)], ledger.HouseAccount),
        ("alice", [Leg(ALICE, AccountKey("actor:" + "x" * 201, "wallet", "token"), T)], NameInvalid),
        ("alice", [Leg(ALICE, BOB, 1)] * 1001, ledger.TooManyLegs),
        ("alice", [Leg(AccountKey("actor:alice", "wallet", "gold"), BOB, T)], UnknownUnit),
    ],
)
def test_what_a_transfer_refuses(town, actor, legs, refusal):
    town.actor("alice"), town.actor("bob")
    with pytest.raises(refusal):
        ledger.transfer(town.as_actor(actor), legs=legs, reason="no")
    assert (balance(town, ALICE), balance(town, BOB)) == (100 * T, 100 * T)


def test_a_registered_actor_can_be_paid_before_it_has_a_wallet(town):
    town.actor("alice"), town.actor("bob", tokens=0)
    ledger.transfer(town.as_actor("alice"), legs=[Leg(ALICE, BOB, T)], reason="welcome")
    assert balance(town, BOB) == T
    odd = AccountKey("actor:bob", "savings", "token")
    with pytest.raises(ledger.HouseAccount):
        ledger.transfer(town.tx, legs=[Leg(ALICE, odd, T)], reason="no such purpose")


def test_units_do_not_mix(town):
    town.actor("alice")
    ledger.issue(town.as_actor("operator"), account=AccountKey("actor:alice", "wallet", "usd"), amount=T, reason="x")
    legs = [Leg(ALICE, AccountKey("actor:alice", "wallet", "usd"), T)]
    with pytest.raises(ledger.UnitsDiffer):
        ledger.transfer(town.as_actor("alice"), legs=legs, reason="x")


def test_only_an_issuer_creates_and_retires_value(town):
    town.actor("alice")
    with pytest.raises(RoleNeeded):
        ledger.issue(town.as_actor("alice"), account=ALICE, amount=T, reason="mine")
    ledger.retire(town.as_actor("operator"), account=ALICE, amount=40 * T, reason="fee")
    assert balance(town, ALICE) == 60 * T
    with pytest.raises(ledger.InsufficientFunds):
        ledger.retire(town.tx, account=ALICE, amount=61 * T, reason="too much")


def test_nobody_mints_out_of_an_issuance_account_of_their_own(town):
    """Found in review: owning an account named issuance was enough to overdraw it."""
    town.actor("mallory")
    own = AccountKey("actor:mallory", "issuance", "token")
    for command in (
        ledger.Transfer((Leg(own, wallet_of("mallory"), T),), "x"),
        ledger.PlaceHold(own, wallet_of("mallory"), T, 60, "x"),
        ledger.Issue(own, T, "x"),
        ledger.Retire(own, T, "x"),
    ):
        (answer,) = perform(town.tx, [Request(command, "mallory")])
        assert answer.code in ("house_account", "role_needed")
    assert balance(town, wallet_of("mallory")) == 100 * T


def test_an_issuer_retires_from_its_own_wallet_and_nobody_elses(town):
    town.actor("alice"), town.actor("mint")
    actors.register_actor(town.as_actor("operator"), name="mint", roles=["issuer"])
    with pytest.raises(ledger.NotYourAccount):
        ledger.retire(town.as_actor("mint"), account=ALICE, amount=T, reason="x")
    ledger.retire(town.tx, account=wallet_of("mint"), amount=T, reason="x")


def test_no_account_may_hold_more_than_can_be_shown_exactly(town):
    town.actor("alice", tokens=0)
    ledger.issue(town.as_actor("operator"), account=ALICE, amount=MAX_AMOUNT, reason="all there is")
    with pytest.raises(ledger.BalanceTooLarge):
        ledger.issue(town.tx, account=ALICE, amount=1, reason="one more")
    with pytest.raises(ledger.BalanceTooLarge) as refused:
        ledger.issue(town.tx, account=BOB, amount=1, reason="the issuance account is full, too")
    assert refused.value.facts["account"] == "system/issuance/token"


def test_what_is_held_cannot_be_spent_or_held_again(town):
    town.actor("alice"), town.actor("bob")
    place = {"debit": ALICE, "credit": BOB, "seconds": 60, "reason": "reserve"}
    held = ledger.hold(town.as_actor("alice"), amount=70 * T, **place)
    assert held.result.available == 30 * T
    with pytest.raises(ledger.InsufficientFunds):
        ledger.transfer(town.tx, legs=[Leg(ALICE, BOB, 31 * T)], reason="x")
    with pytest.raises(ledger.InsufficientFunds):
        ledger.hold(town.tx, amount=31 * T, **place)
    ledger.transfer(town.tx, legs=[Leg(ALICE, BOB, 30 * T)], reason="the rest")


def test_posting_part_of_a_hold_releases_the_rest(town):
    town.actor("alice"), town.actor("bob")
    held = ledger.hold(town.as_actor("alice"), debit=ALICE, credit=BOB, amount=70 * T, seconds=60, reason="r")
    posted = ledger.post(town.tx, hold=held.result.hold, amount=25 * T)
    assert (posted.result.state, posted.result.posted, posted.result.available) == ("posted", 25 * T, 75 * T)
    assert balance(town, BOB) == 125 * T


@pytest.mark.parametrize("ending", ["post", "void"])
def test_a_hold_ends_once(town, ending):
    town.actor("alice"), town.actor("bob")
    held = ledger.hold(town.as_actor("alice"), debit=ALICE, credit=BOB, amount=T, seconds=60, reason="r").result.hold
    getattr(ledger, ending)(town.tx, hold=held)
    before = (balance(town, ALICE), balance(town, BOB))
    for again in (ledger.post, ledger.void):
        with pytest.raises(ledger.HoldEnded):
            again(town.tx, hold=held)
    assert (balance(town, ALICE), balance(town, BOB)) == before
    assert ledger.find_account(town.tx, ALICE).held == 0


def test_a_hold_past_its_time_cannot_be_posted_and_is_released_by_the_sweep(town):
    town.actor("alice"), town.actor("bob")
    held = ledger.hold(town.as_actor("alice"), debit=ALICE, credit=BOB, amount=T, seconds=60, reason="r").result.hold
    assert ledger.expire_due_holds(town.tx) == []
    town.pass_by(60)
    with pytest.raises(ledger.HoldExpired):
        ledger.post(town.tx, hold=held)
    (expired,) = ledger.expire_due_holds(town.tx)
    assert (expired.result.hold, expired.result.state) == (held, "expired")
    assert ledger.find_account(town.tx, ALICE).held == 0
    assert ledger.expire_due_holds(town.tx) == []


def test_what_a_hold_refuses(town):
    town.actor("alice"), town.actor("bob")
    place = {"debit": ALICE, "credit": BOB, "amount": T, "seconds": 60, "reason": "r"}
    held = ledger.hold(town.as_actor("alice"), **place).result.hold
    for change, refusal in [
        ({"seconds": 0}, ledger.DurationInvalid),
        ({"seconds": 10**9}, ledger.DurationInvalid),
        ({"credit": ALICE}, ledger.SameAccount),
        ({"credit": AccountKey("actor:bob", "wallet", "usd")}, ledger.UnitsDiffer),
        ({"debit": BOB, "credit": ALICE}, ledger.NotYourAccount),
        ({"credit": AccountKey("market:m", "collateral", "token")}, ledger.HouseAccount),
        ({"credit": wallet_of("nobody")}, ledger.UnknownAccount),
        ({"seconds": 10**5000}, ledger.DurationInvalid),
        ({"amount": -1}, AmountNotPositive),
    ]:
        with pytest.raises(refusal):
            ledger.hold(town.tx, **{**place, **change})
    with pytest.raises(ledger.PostAboveHold):
        ledger.post(town.tx, hold=held, amount=T + 1)
    with pytest.raises(ledger.UnknownHold):
        ledger.post(town.tx, hold="h0")
    with pytest.raises(ledger.NotYourHold):
        ledger.void(town.as_actor("bob"), hold=held)
    ledger.void(town.as_actor("operator"), hold=held)


def test_a_balance_can_be_asked_for_at_any_time(town):
    town.actor("alice"), town.actor("bob")
    start = town.tx.now
    town.pass_by(10)
    ledger.transfer(town.as_actor("alice"), legs=[Leg(ALICE, BOB, 30 * T)], reason="x")
    held = ledger.hold(town.tx, debit=ALICE, credit=BOB, amount=5 * T, seconds=99, reason="r").result.hold
    town.pass_by(10)
    ledger.void(town.tx, hold=held)
    at = [ledger.balance_at(town.tx, account=ALICE, at=start + timedelta(seconds=s)) for s in (-1, 5, 15, 25)]
    assert at == [(0, 0), (100 * T, 0), (70 * T, 5 * T), (70 * T, 0)]
    entries = ledger.find_entries(town.tx, account=ALICE)
    assert [(entry.amount, entry.balance) for entry in entries] == [(-30 * T, 70 * T), (100 * T, 100 * T)]


def test_the_same_key_moves_value_once_and_another_body_is_refused(town):
    town.actor("alice"), town.actor("bob")
    legs = [Leg(ALICE, BOB, T)]
    first = ledger.transfer(town.as_actor("alice"), legs=legs, reason="x", key="k")
    again = ledger.transfer(town.tx, legs=legs, reason="x", key="k")
    assert again.repeated and (again.number, again.result) == (first.number, first.result)
    with pytest.raises(KeyReused):
        ledger.transfer(town.tx, legs=legs, reason="y", key="k")
    assert balance(town, ALICE) == 99 * T


def test_another_actor_may_use_the_same_key(town):
    town.actor("alice"), town.actor("bob")
    ledger.transfer(town.as_actor("alice"), legs=[Leg(ALICE, BOB, T)], reason="x", key="k")
    ledger.transfer(town.as_actor("bob"), legs=[Leg(BOB, ALICE, T)], reason="x", key="k")
    assert balance(town, ALICE) == 100 * T


def test_a_refused_command_does_not_burn_its_key(town):
    town.actor("alice")
    with pytest.raises(ledger.UnknownAccount):
        ledger.transfer(town.as_actor("alice"), legs=[Leg(ALICE, BOB, T)], reason="x", key="k")
    ledger.issue(town.as_actor("operator"), account=BOB, amount=1, reason="now it is there")
    assert not ledger.transfer(town.as_actor("alice"), legs=[Leg(ALICE, BOB, T)], reason="x", key="k").repeated


@pytest.mark.parametrize("table", ["journal", "token_ledger", "market_trade", "resource_allocations", "journal_block"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_the_application_cannot_change_what_is_only_ever_added_to(tx, table, verb):
    column = "height" if table == "journal_block" else "trade" if table == "market_trade" else "number"
    with pytest.raises(InsufficientPrivilege):
        tx.execute(verb.format(table, column, column))


def test_the_database_itself_refuses_an_overdraft(town):
    town.actor("alice")
    with pytest.raises(CheckViolation):
        town.tx.execute("UPDATE ledger_account SET balance = -1 WHERE owner = 'actor:alice'")
