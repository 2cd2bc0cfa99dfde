"""Bounties over HTTP and on the command line: the whole way once, and refused where it should be."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.surfaces.test_cli import Home, keys_of
from tests.surfaces.test_http import Town, listening, pages, refused

from scidex import views
from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app

BOUNTIES = "/api/market/bounties"


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as economy:
        with listening(create_app(economy)) as client:
            yield Town(client)
        economy.seal()
        with economy.reading() as tx:
            report = audit(tx)
        assert report.ok, report.findings
    shutil.rmtree(home, ignore_errors=True)


def made(town: Town, by: str) -> str:
    """Something that this actor registered."""
    name = town.name("work")
    town.done("/api/entities", {"entity_type": "analysis", "entity_id": name, "title": "Work"}, by=by)
    return name


def offered(town: Town, amount: float = 30, **terms: object) -> tuple[str, str]:
    funder = town.actor()
    body = {"artifact_id": town.artifact(), "amount": amount, "purpose": "a protocol", **terms}
    return town.done(BOUNTIES, body, by=funder)["bounty"], funder


def test_a_bounty_goes_from_offer_over_claim_and_work_to_award(town: Town) -> None:
    bounty, poster = offered(town)
    path, bob, dora = f"{BOUNTIES}/{bounty}", town.actor(), town.actor()
    added = town.done(f"{path}/add", {"amount": "12.5"}, by=dora, key="a1")
    assert added["remaining"] == 42.5
    assert town.done(f"{path}/add", {"amount": "12.5"}, by=dora, key="a1") == added
    assert [(row["funder"], row["amount"]) for row in town.client.get(f"{path}/funders").json()] == [
        (poster, 30),
        (dora, 12.5),
    ]
    assert town.done(f"{path}/claim", {"seconds": 600}, by=bob, key="c1")["claimant"] == bob
    refused(town.post(f"{path}/claim", by=town.actor()), 409, "bounty_claimed")
    refused(town.post(f"{path}/claim", by=dora), 403, "stake_in_bounty")
    refused(town.post(f"{path}/refund", by=poster), 409, "work_under_way")
    work = {"output_type": "analysis", "output_id": made(town, bob)}
    submitted = town.done(f"{path}/submit", {**work, "note": "see the log"}, by=bob, key="s1")
    assert (submitted["state"], submitted["submitter"]) == ("waiting", bob)
    assert submitted["due_at"] > added["expires_at"]
    refused(town.post(f"{path}/award", work, by=bob), 403, "own_award")
    refused(town.post(f"{path}/award", work, by=dora), 403, "not_the_judge")
    refused(town.post(f"{path}/award", {**work, "amount": 43}, by=poster), 409, "award_above_rest")
    awarded = town.done(f"{path}/award", {**work, "amount": 40}, by=poster, key="w1")
    assert (awarded["awarded"], awarded["remaining"]) == (40, 2.5)
    assert town.done(f"{path}/award", {**work, "amount": 40}, by=poster, key="w1") == awarded
    refused(town.post(f"{path}/award", work, by=poster), 409, "work_judged")
    assert town.wallet(bob) == 140
    (judged,) = town.client.get(f"{path}/submissions").json()
    assert (judged["state"], judged["awarded"], judged["judged_by"]) == ("awarded", 40, poster)
    assert town.done(f"{path}/refund", by=poster)["returned"] == 2.5
    paid = list(pages(town, f"{path}/payments", cursor="offset", limit=1))
    assert [(row["sort"], row["paid_to"], row["amount"]) for row in paid] == [
        ("refund", poster, 1.764706),
        ("refund", dora, 0.735294),
        ("award", bob, 40),
    ]
    assert town.get(path)["state"] == "refunded"


def test_a_reviewer_declines_and_a_claim_is_let_go(town: Town) -> None:
    bounty, _ = offered(town)
    path, bob, rita = f"{BOUNTIES}/{bounty}", town.actor(), town.actor(0, "reviewer")
    town.done(f"{path}/claim", by=bob)
    assert town.done(f"{path}/release", by=bob)["lease_until"] is not None
    refused(town.post(f"{path}/release", by=bob), 403, "not_your_claim")
    refused(town.post(f"{path}/claim", by=bob), 409, "claim_too_soon")
    carol = town.actor()
    town.done(f"{path}/claim", by=carol)
    work = {"output_type": "analysis", "output_id": made(town, carol)}
    refused(
        town.post(f"{path}/submit", {**work, "output_id": made(town, bob), "note": "n"}, by=carol), 403, "not_your_work"
    )
    refused(town.post(f"{path}/submit", {"output_id": "nothing", "note": "n"}, by=carol), 404, "unknown_entity")
    town.done(f"{path}/submit", {**work, "note": "n"}, by=carol)
    assert town.done(f"{path}/decline", {**work, "reason": "no controls"}, by=rita)["state"] == "declined"
    refused(town.post(f"{path}/decline", {**work, "reason": "again"}, by=rita), 409, "work_judged")
    refused(town.post(f"{BOUNTIES}/b0/claim", by=bob), 404, "unknown_bounty")


def test_open_bounties_are_ranked_by_amount_age_and_expiry_in_pages(town: Town) -> None:
    artifact, funder = town.artifact(), town.actor()
    body = {"artifact_id": artifact, "purpose": "p"}
    names = [
        town.done(BOUNTIES, {**body, "amount": amount, "seconds": seconds}, by=funder)["bounty"]
        for amount, seconds in ((5, 500), (9, 5000), (9, 50), (7, 900))
    ]

    def ranked(order: str) -> list[int]:
        query = {"artifact_id": artifact, "state": "open", "order": order, "limit": 3}
        return [names.index(row["bounty"]) for row in pages(town, BOUNTIES, cursor="offset", **query)]

    assert ranked("amount") == [1, 2, 3, 0]
    assert ranked("age") == [0, 1, 2, 3]
    assert ranked("expiry") == [2, 0, 3, 1]
    refused(town.client.get(BOUNTIES, params={"order": "wealth"}), 400, "request_invalid")


@pytest.mark.parametrize(
    ("step", "body", "status", "code"),
    [
        ("add", {"amount": 0}, 400, "amount_not_positive"),
        ("add", {"amount": "much"}, 400, "amount_not_number"),
        ("add", {"amount": 1e9}, 400, "amount_too_large"),
        ("add", {"amount": 101}, 409, "insufficient_funds"),
        ("add", {"amonut": 1}, 400, "request_invalid"),
        ("claim", {"seconds": 0}, 400, "duration_invalid"),
        ("claim", {"seconds": 1.5}, 400, "request_invalid"),
        ("submit", {"output_id": "x", "note": "n"}, 404, "unknown_entity"),
        ("submit", {"output_id": "x"}, 400, "request_invalid"),
        ("award", {"output_id": "x", "amount": -1}, 400, "amount_not_positive"),
    ],
)
def test_what_cannot_be_done_says_why(town: Town, bounty: str, step: str, body: object, status: int, code: str) -> None:
    refused(town.post(f"{BOUNTIES}/{bounty}/{step}", body, by=town.actor()), status, code)
    assert town.get(f"{BOUNTIES}/{bounty}")["remaining"] == 30


@pytest.fixture(scope="module")
def bounty(town: Town) -> str:
    return offered(town)[0]


# On the command line


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    opened = Home(folder, server.acquire())
    for name in ("alice", "bob"):
        opened.ask("actors", "register", name)
        opened.ask("ledger", "issue", f"actor:{name}/wallet/token", "100")
    opened.ask("entities", "register", "gap", "g", "A gap")
    opened.ask("entities", "register", "analysis", "w", "Work", "--actor", "bob")
    yield opened
    server.release()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_command_line_goes_the_same_way(home: Home) -> None:
    offered = home.ask("bounties", "offer", "g", "30", "--actor", "alice")
    name = offered["bounty"]
    claimed = home.ask("bounties", "claim", name, "--seconds", "600", "--actor", "bob")
    assert (set(claimed), claimed["claimant"]) == (keys_of(views.ClaimDone), "bob")
    work = home.ask("bounties", "submit", name, "w", "--note", "done", "--actor", "bob")
    assert (set(work), work["state"]) == (keys_of(views.WorkDone), "waiting")
    own = home.run("bounties", "award", name, "w", "--actor", "bob")
    assert (own.code, "own_award" in own.err) == (3, True)
    awarded = home.ask("bounties", "award", name, "w", "--amount", "12.5", "--actor", "alice", "--key", "w1")
    assert (awarded["awarded"], awarded["remaining"]) == (12.5, 17.5)
    again = home.run("bounties", "decline", name, "w", "--reason", "no", "--actor", "alice")
    assert (again.code, "work_judged" in again.err) == (5, True)
    (funder,) = home.ask("bounties", "funders", name)["items"]
    assert (set(funder), funder["amount"]) == (keys_of(views.FundingView), 30)
    (submitted,) = home.ask("bounties", "submissions", name)["items"]
    assert (set(submitted), submitted["awarded"]) == (keys_of(views.WorkView), 12.5)
    assert home.ask("bounties", "add", name, "2.5", "--actor", "alice")["remaining"] == 20
    assert home.ask("bounties", "refund", name, "--actor", "alice")["returned"] == 20
    first, second = home.ask("bounties", "payments", name)["items"]
    assert (set(first), first["sort"], second["sort"]) == (keys_of(views.PaymentView), "refund", "award")
    shown = home.ask("bounties", "show", name)
    assert (set(shown), shown["state"]) == (keys_of(views.BountyView), "refunded")
    for words in (
        ("list", "--order", "age"),
        ("show", name),
        ("payments", name),
        ("submissions", name),
        ("funders", name),
    ):
        told = home.run("bounties", *words)
        assert told.code == 0, told
        assert "alice" in told.out or "bob" in told.out
    wrong = home.run("bounties", "list", "--order", "wealth")
    assert (wrong.code, "amount, age, expiry" in wrong.err) == (2, True)


def test_a_claim_is_let_go_on_the_command_line(home: Home) -> None:
    name = home.ask("bounties", "offer", "g", "5", "--actor", "alice")["bounty"]
    home.ask("bounties", "claim", name, "--actor", "bob")
    assert home.ask("bounties", "release", name, "--actor", "bob")["claimant"] == "bob"
    soon = home.run("bounties", "claim", name, "--actor", "bob")
    assert (soon.code, "claim_too_soon" in soon.err) == (5, True)
