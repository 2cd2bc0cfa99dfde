"""Load, decide, store: batches, keys, numbers, and how few statements that takes."""

from __future__ import annotations

import pytest

from scidex import ledger
from scidex.actors import RegisterActor
from scidex.core import journal
from scidex.core.errors import Refusal
from scidex.core.journal import KeyReused, Receipt, Request, perform
from scidex.core.names import NameInvalid
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey
from scidex.exchange.bounties import OfferBounty
from scidex.exchange.markets import OpenMarket, Order, ResolveMarket
from scidex.ledger import Leg, Transfer, wallet_of
from scidex.policy import current

T = 1_000_000


def send(amount, to="bob", key=None, actor="alice"):
    return Request(Transfer((Leg(wallet_of("alice"), wallet_of(to), amount),), "x"), actor, key)


def play(town, *requests):
    return perform(town.tx, requests)


def words(answers):
    return [answer.code if isinstance(answer, Refusal) else "ok" for answer in answers]


def test_a_refused_command_refuses_alone(town):
    town.actor("alice"), town.actor("bob")
    answers = play(town, send(60 * T), send(60 * T), send(-1), send(40 * T), send(1))
    assert words(answers) == ["ok", "insufficient_funds", "amount_not_positive", "ok", "insufficient_funds"]
    assert ledger.find_account(town.tx, wallet_of("alice")).balance == 0


def test_a_batch_answers_as_the_same_commands_would_one_by_one(town):
    town.actor("alice"), town.actor("bob"), town.market("m")
    requests = [
        Request(RegisterActor("carol"), "alice"),
        send(10 * T),
        Request(Order("m", "yes", "buy", spend=20 * T), "bob"),
        Request(OfferBounty(EntityKey("hypothesis", "m"), 5 * T, 60, "p"), "bob"),
        Request(Order("m", "no", "buy", spend=20 * T), "alice"),
        Request("nonsense", "alice"),
    ]
    together = play(town, *requests)
    assert words(together) == ["ok", "ok", "ok", "ok", "ok", "unknown_command"]
    numbers = [answer.number for answer in together if isinstance(answer, Receipt)]
    assert numbers == sorted(numbers)


def test_a_key_used_twice_within_a_batch_happens_once(town):
    town.actor("alice"), town.actor("bob")
    first, second, other = play(town, send(T, key="k"), send(T, key="k"), send(2 * T, key="k"))
    assert second.repeated and second.number == first.number
    assert other == KeyReused(key="k", number=first.number)
    assert ledger.find_account(town.tx, wallet_of("alice")).balance == 99 * T


def test_a_command_may_need_what_an_earlier_one_of_its_batch_has_made(town):
    """Found in review: ending a hold placed in the same batch took the whole batch down."""
    town.actor("alice"), town.actor("bob"), town.actor("mallory"), town.artifact("a")
    ledger.issue(town.as_actor("operator"), account=wallet_of("operator"), amount=100 * T, reason="x")
    (drawn,) = town.tx.execute("SELECT nextval('journal_number')").fetchone()
    hold = f"h{drawn + 1}"
    answers = play(
        town,
        Request(ledger.PlaceHold(wallet_of("alice"), wallet_of("bob"), T, 60, "r"), "alice"),
        Request(ledger.VoidHold(hold), "mallory"),
        Request(ledger.PostHold(hold), "alice"),
        Request(OpenMarket("new", EntityKey("hypothesis", "a"), "?", ("yes", "no"), 10 * T), "operator"),
        Request(Order("new", "yes", "buy", spend=T), "alice"),
        Request(ResolveMarket("new", "yes"), "operator"),
        send(T),
    )
    assert words(answers) == ["ok", "not_your_hold", "ok", "ok", "ok", "ok", "ok"]
    assert ledger.find_account(town.tx, wallet_of("bob")).balance == 102 * T


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Request(Transfer((), "a\0b"), "alice"), "text_invalid"),
        (Request(Transfer((), "half \ud800"), "alice"), "text_invalid"),
        (Request(Transfer((), "x"), ""), "name_invalid"),
        (Request(Transfer((), "x"), "x" * 9000, "k"), "name_invalid"),
        (Request(Transfer((), ""), "alice"), "name_invalid"),
    ],
)
def test_what_cannot_be_kept_is_refused_alone(town, request_, code):
    town.actor("alice"), town.actor("bob")
    assert words(play(town, send(1), request_, send(1))) == ["ok", code, "ok"]


@pytest.mark.parametrize("key", ["", " x", "x" * 201, "a\nb"])
def test_a_key_is_a_name(town, key):
    town.actor("alice"), town.actor("bob")
    (answer,) = play(town, send(T, key=key))
    assert isinstance(answer, NameInvalid)


def test_the_journal_keeps_command_result_and_policy_of_what_was_accepted(town):
    town.actor("alice"), town.actor("bob")
    accepted, _ = play(town, send(T, key="k"), send(-1))
    rows = town.tx.execute(
        "SELECT number, actor, key, kind, policy, command, receipt FROM journal WHERE number >= %s", [accepted.number]
    ).fetchall()
    body = '{"legs":[{"debit":["actor:alice","wallet","token"],"credit":["actor:bob","wallet","token"],"amount":1000000}],"reason":"x"}'
    result = '{"balances":[[["actor:alice","wallet","token"],99000000],[["actor:bob","wallet","token"],101000000]]}'
    assert rows == [(accepted.number, "alice", "k", "ledger.transfer", 1, body, result)]


def count_statements(town, *requests):
    current(town.tx)
    seen = []
    execute = town.tx.connection.execute
    town.tx.connection.execute = lambda query, *rest, **more: seen.append(query) or execute(query, *rest, **more)
    try:
        play(town, *requests)
    finally:
        del town.tx.connection.execute
    return len(seen)


def test_a_thousand_transfers_take_as_many_statements_as_one_and_an_append_per_chunk(town):
    town.actor("alice"), town.actor("bob")
    # Lock accounts, draw numbers; update accounts, insert movements, append to the journal.
    assert count_statements(town, send(1)) == 5
    chunks = 1000 // journal._CHUNK
    assert count_statements(town, *[send(1) for _ in range(1000)]) == 5 + 2 * (chunks - 1)


def test_a_thousand_bids_take_as_many_statements_as_one_and_an_append_per_chunk(town):
    town.actor("alice"), town.market("m")
    bid = Request(Order("m", "yes", "buy", spend=1000), "alice")
    play(town, bid)
    # Lock market, read its book and position, lock accounts, draw numbers; update the four, insert trades, movements and journal rows.
    assert count_statements(town, bid) == 11
    chunks = 1000 // journal._CHUNK
    assert count_statements(town, *[bid] * 1000) == 11 + 3 * (chunks - 1)


def test_a_dry_run_answers_and_leaves_nothing(economy):
    issue = ledger.Issue(wallet_of("operator"), T, "x")
    (receipt,) = economy.perform([Request(issue, "operator", "k")], dry_run=True)
    assert isinstance(receipt, Receipt)
    (receipt,) = economy.perform([Request(issue, "operator", "k")])
    assert not receipt.repeated


def test_all_or_nothing_leaves_nothing_when_one_is_refused(economy):
    good = Request(ledger.Issue(wallet_of("operator"), T, "x"), "operator")
    with pytest.raises(ledger.InsufficientFunds):
        economy.perform_all([good, Request(ledger.Retire(wallet_of("operator"), 2 * T, "x"), "operator")])
    with economy.reading() as tx, pytest.raises(ledger.UnknownAccount):
        ledger.find_account(tx, wallet_of("operator"))


def test_a_bug_in_the_middle_of_a_batch_leaves_nothing(economy, monkeypatch):
    good = Request(ledger.Issue(wallet_of("operator"), T, "x"), "operator")

    def work(tx):
        perform(tx, [good])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        economy.run(work)
    with economy.reading() as tx:
        assert ledger.find_accounts(tx, owner="actor:operator") == []


def test_opening_an_economy_twice_begins_it_once(new_database, tmp_path):
    settings = Settings(home=tmp_path, database_url=new_database())
    for _ in range(2):
        with Economy.open(settings) as economy, economy.reading() as tx:
            assert tx.execute("SELECT count(*) FROM policy").fetchone() == (1,)
            assert tx.execute("SELECT count(*) FROM journal").fetchone() == (2,)


def test_one_command_is_sent_in_two_goes(economy, monkeypatch):
    from psycopg import _pipeline_base

    issue = ledger.Issue(wallet_of("operator"), T, "x")
    economy.perform([Request(issue, "operator")])
    sent = []
    send = _pipeline_base.pipeline_communicate
    monkeypatch.setattr(_pipeline_base, "pipeline_communicate", lambda *rest: sent.append(rest) or send(*rest))
    economy.perform([Request(issue, "operator")])
    # Begin, ask for the policy, lock, draw; then store and commit.
    assert len(sent) == 2
