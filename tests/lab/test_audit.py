"""An audit accepts what the journal made and names what it did not."""

from __future__ import annotations

import psycopg
import pytest

from scidex import lab, ledger
from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import earnings
from scidex.ledger import wallet_of
from scidex.metering import UsageEvent, UsageLine
from scidex.scenarios import run_demo
from scidex.senate import budgets

T = 1_000_000


@pytest.fixture(scope="module")
def lived(server, tmp_path_factory):
    """A database in which the demo has run, as a template."""
    name = "template_lived"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_scidex")
    url = psycopg.conninfo.make_conninfo(server, dbname=name)
    with Economy.open(Settings(home=tmp_path_factory.mktemp("home"), database_url=url)) as economy:
        run_demo(economy, progress=lambda line: None)
        alice = wallet_of("agent-1")
        hold = ledger.PlaceHold(alice, wallet_of("agent-2"), T, 3600, "reserve")
        economy.perform_all([Request(hold, "agent-1")])
        use(economy)
        earn(economy)
    return name


def use(economy):
    """Usage that came alone, in bulk, alone again, in bulk again; the second time it had counted already."""
    gap = EntityKey("hypothesis", "hsv1-triggers-ad")
    alone = [UsageEvent("api_calls", 3, event=event, usd=5) for event in ("alone", "b1")]
    bulk = [UsageLine(*gap, "agent-1", "api_calls", 3, event=event) for event in ("b1", "b2", "alone")]
    bulk.append(UsageLine(*gap, "agent-2", "cpu_seconds", 7))
    economy.perform_all([Request(budgets.Charge(gap, (alone[0],)), "agent-1")])
    assert economy.intake(bulk, actor="operator").repeated == (2,)
    (again,) = economy.perform_all([Request(budgets.Charge(gap, tuple(alone)), "agent-1")])
    assert again.result.repeated == 2
    assert economy.intake(bulk[:3], actor="agent-1").repeated == (0, 1, 2)


def earn(economy):
    """Two outputs, one building on the other, verified; one of them retracted when its reward is spent."""
    first, second = EntityKey("analysis", "first"), EntityKey("analysis", "second")
    economy.perform_all(
        [
            Request(RegisterActor("rita", "person", ("reviewer",)), "operator"),
            Request(RegisterActor("new"), "operator"),
            Request(RegisterEntity(*first, "title"), "agent-1"),
            Request(RegisterEntity(*second, "title"), "new"),
            Request(earnings.RecordOutput(first), "agent-1"),
            Request(earnings.RecordOutput(second, (first,)), "new"),
            Request(earnings.VerifyOutput(first, "evidence", "n"), "rita"),
            Request(earnings.VerifyOutput(second, "evidence", "n"), "rita"),
            Request(ledger.Transfer((ledger.Leg(wallet_of("new"), wallet_of("agent-1"), 2 * T),), "spent"), "new"),
            Request(earnings.RetractOutput(second, "wrong"), "rita"),
        ]
    )


def audit_of(url):
    economy = Economy.open(Settings(home="/nonexistent", database_url=url))
    try:
        with economy.reading() as tx:
            return lab.audit(tx)
    finally:
        economy.close()


def test_an_untouched_economy_is_accepted(lived, new_database):
    report = audit_of(new_database(lived))
    assert report.ok and report.findings == () and set(report.ledger_sums.values()) == {0}
    assert report.sealed_rows == report.journal_rows > 150
    assert all(report.checks.values())


TAMPERINGS = [
    ("UPDATE ledger_account SET balance = balance + 1 WHERE owner = 'actor:agent-3'", "ledger_account actor:agent-3/"),
    (
        "UPDATE ledger_account SET balance = balance + CASE owner WHEN 'actor:agent-3' THEN 5 ELSE -5 END"
        " WHERE owner IN ('actor:agent-3', 'actor:agent-4')",
        "ledger_account actor:agent-4/",
    ),
    ("UPDATE ledger_account SET held = 0 WHERE held > 0", "ledger_account actor:agent-1/"),
    ("DELETE FROM ledger_account WHERE owner = 'actor:agent-5'", "ledger_account actor:agent-5/"),
    ("INSERT INTO ledger_account VALUES ('actor:thief', 'wallet', 'token', 0, 0)", "ledger_account actor:thief/"),
    ("UPDATE token_ledger SET amount = amount + 1 WHERE number = 20 AND leg = 0", "token_ledger 20 0"),
    ("UPDATE ledger_hold SET expires_at = expires_at + interval '1 day'", "ledger_hold h"),
    ("UPDATE market_position SET shares[1] = shares[1] + 1 WHERE owner = 'agent-2'", "market_position "),
    ("UPDATE market SET prices = ARRAY[prices[1] + 1, prices[2] - 1] WHERE market = 'lecanemab-subgroups'", "market lecanemab-subgroups"),
    ("UPDATE market SET liquidity = liquidity + 1 WHERE market = 'lecanemab-subgroups'", "market lecanemab-subgroups"),
    ("UPDATE market_trade SET prices[1] = 1 WHERE trade = 3 AND market = 'hsv1-triggers-ad'", "market_trade hsv1-triggers-ad 3"),
    ("UPDATE market_listing SET market = 'x' WHERE artifact_id = 'hsv1-triggers-ad'", "market_listing hypothesis hsv1"),
    ("UPDATE bounty SET remaining = remaining - 1, drawn = drawn + 1 WHERE artifact_id = 'trem2-dose-response'", "bounty b"),
    ("UPDATE bounty_funding SET amount = amount + 1", "bounty b"),
    ("UPDATE bounty_board SET open = open[2:]", "bounty b"),
    ("UPDATE bounty_board SET spent[1] = spent[1] + 1", "bounty_board "),
    ("UPDATE bounty_listing SET artifact_id = 'x'", "bounty_listing b"),
    ("INSERT INTO bounty_payment SELECT bounty, 'draw', '1', 1, now(), 'x', 1 FROM bounty", "bounty b"),
    ("INSERT INTO bounty_submission SELECT bounty, 'a', 'b', 'x', 'n', now(), 'waiting', 0 FROM bounty", "bounty_submission b"),
    ("UPDATE earning_output SET lineage_depths[1] = 2 WHERE entity_id = 'second'", "earning_output analysis second"),
    ("UPDATE earning_standing SET reason = 'x' WHERE entity_id = 'second'", "earning_standing analysis second"),
    ("UPDATE earning_mint SET amount = amount + 1 WHERE entity_id = 'first'", "earning_mint analysis first"),
    ("UPDATE earning_mint SET revoked_at = now() WHERE entity_id = 'first'", "earning_mint analysis first"),
    ("UPDATE earning_line SET amount = amount + 1, clawed = clawed + 1 WHERE entity_id = 'second'", "earning_line "),
    ("UPDATE emission SET minted = minted - 1", "emission token"),
    ("UPDATE earning_debt SET amount = amount - 1", "earning_debt new"),
    ("UPDATE resource_allocations SET amount = amount - 1 WHERE sort = 'grant' AND line = 2", "resource_allocations "),
    ("UPDATE allocation_cycle SET theta = '1/2'", "allocation_cycle main llm_standard demo"),
    ("UPDATE entity SET title = 'other' WHERE entity_id = 'hsv1-triggers-ad'", "entity hypothesis hsv1-triggers-ad"),
    ("UPDATE actor SET roles = '{operator}' WHERE name = 'agent-1'", "actor agent-1"),
    ("UPDATE policy SET body = jsonb_set(body, '{void_window_s}', '1')", "policy 1"),
    ("UPDATE policy SET body = jsonb_set(body, '{zzz}', '1')", "policy 1"),
    ("UPDATE policy SET body = body - 'void_window_s'", "policy 1"),
    ("UPDATE policy SET enacted_at = enacted_at + interval '1 second'", "policy 1"),
    ("UPDATE journal SET receipt = translate(receipt, '0123456789', '1234567890') WHERE number = 40", "journal 40"),
    ("UPDATE journal SET command = translate(command, '0123456789', '1234567890') WHERE number = 40", "journal 40"),
    ("UPDATE journal SET actor = 'agent-9' WHERE number = 60", "journal 60"),
    ("UPDATE journal SET at = at + interval '1 second' WHERE number = 60", "journal 60"),
    ("UPDATE journal SET key = 'new' WHERE number = 60", "journal 60"),
    ("UPDATE journal SET policy = 7 WHERE number = 60", "journal 60"),
    ("DELETE FROM journal WHERE number = 60", "journal_block 1"),
    ("UPDATE journal_block SET leaves = set_byte(leaves, 5, (get_byte(leaves, 5) + 1) % 256)", "journal_block 1"),
    ("UPDATE journal_block SET sealed_at = sealed_at + interval '1 second'", "journal_block 1"),
    ("DELETE FROM journal_block", None),
    ("UPDATE resource_usage SET amount = 4 WHERE event = 'alone'", "resource_usage "),
    ("UPDATE resource_usage SET usd = 4 WHERE event = 'alone'", "usage_hour "),
    ("UPDATE resource_usage SET context = 'x' WHERE event = 'alone'", "resource_usage "),
    ("UPDATE resource_usage SET amount = 8 WHERE event = 'b1'", "usage_hour "),
    ("UPDATE usage_hour SET amount = amount + 1 WHERE actor = 'agent-1'", "usage_hour "),
    ("DELETE FROM usage_hour WHERE actor = 'agent-2'", "usage_hour "),
    ("UPDATE usage_event SET number = number + 1 WHERE event = 'alone'", "usage_event agent-1 alone "),
    ("UPDATE usage_event SET amount = amount + 1 WHERE event = 'alone'", "usage_event agent-1 alone "),
    ("UPDATE usage_event SET actor = 'agent-9' WHERE event = 'alone'", "usage_event agent-1 alone "),
    ("DELETE FROM usage_event WHERE event = 'alone'", "usage_event agent-1 alone "),
]  # fmt: skip


@pytest.mark.parametrize(("tampering", "row"), TAMPERINGS, ids=[t[0][:60] for t in TAMPERINGS])
def test_one_change_by_hand_is_named(lived, new_database, tampering, row):
    url = new_database(lived)
    with psycopg.connect(url, autocommit=True) as connection:
        done = connection.execute(tampering)
        assert done.rowcount and done.rowcount > 0
    report = audit_of(url)
    if row is None:
        # Without its blocks the journal is unsealed, which is no lie: it still gives the tables.
        assert report.sealed_rows == 0
        return
    assert not report.ok
    assert any(finding.row.startswith(row) for finding in report.findings), report.findings


IN_BULK = [
    "UPDATE resource_usage SET amount = 8 WHERE event = 'b1'",
    "UPDATE resource_usage SET context = 'x' WHERE event = 'b1'",
    "UPDATE resource_usage SET line = 9 WHERE event = 'b1'",
    "DELETE FROM resource_usage WHERE event = 'b1'",
    "UPDATE resource_usage SET event = 'b3' WHERE event = 'b1'",
    "UPDATE usage_event SET event = 'b3' WHERE event = 'b1'",
    "UPDATE usage_event SET number = number - 1 WHERE event = 'b1'",
    "DELETE FROM usage_event WHERE event = 'b1'",
    "UPDATE usage_event SET amount = amount + 1 WHERE event = 'b1'",
    "UPDATE usage_event SET entity_id = 'x' WHERE event = 'b1'",
    "INSERT INTO usage_event (actor, event, unit, number, amount, entity_type, entity_id)"
    " SELECT actor, 'b4', unit, number, amount, entity_type, entity_id FROM usage_event WHERE event = 'b1'",
    "INSERT INTO resource_usage (number, line, recorded_at, created_at, entity_type, entity_id, actor, resource, unit,"
    " amount, source) SELECT number, 9, recorded_at, created_at, entity_type, entity_id, actor, resource, unit, amount,"
    " source FROM resource_usage WHERE event = 'b1'",
    "UPDATE journal SET command = replace(command, '\"rows\":3', '\"rows\":4') WHERE kind = 'usage.intake'",
]


@pytest.mark.parametrize("tampering", IN_BULK)
def test_one_change_to_what_came_in_bulk_names_its_intake(lived, new_database, tampering):
    url = new_database(lived)
    with psycopg.connect(url, autocommit=True) as connection:
        number = connection.execute("SELECT number FROM usage_event WHERE event = 'b1'").fetchone()[0]
        assert connection.execute(tampering).rowcount
    found = {(finding.check, finding.row) for finding in audit_of(url).findings}
    assert ("usage", f"journal {number}") in found


def test_a_bounty_and_its_escrow_are_compared(lived, new_database):
    url = new_database(lived)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE ledger_account SET balance = balance - 1 WHERE purpose = 'escrow'")
    failed = {finding.check for finding in audit_of(url).findings}
    assert {"ledger", "bounties", "tables"} <= failed


def test_an_audit_changes_nothing(economy):
    economy.perform_all([Request(ledger.Issue(wallet_of("operator"), T, "x"), "operator")])
    before = lab_counts(economy)
    with economy.reading() as tx:
        assert lab.audit(tx).ok
    assert lab_counts(economy) == before


def lab_counts(economy):
    with economy.reading() as tx:
        return tx.execute("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM journal_block)").fetchone()


def test_the_unsealed_tail_is_checked_by_running_it_again(economy):
    economy.perform_all([Request(ledger.Issue(wallet_of("operator"), T, "x"), "operator")])
    with psycopg.connect(economy.conninfo, autocommit=True) as connection:
        connection.execute("UPDATE journal SET command = replace(command, '1000000', '2000000')")
    with economy.reading() as tx:
        report = lab.audit(tx)
    assert not report.ok and report.findings[0].row.startswith("journal ")
