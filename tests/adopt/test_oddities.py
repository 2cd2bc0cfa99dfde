"""What older databases can be like besides, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.adopt.conftest import LEGACY, SETTINGS, Legacy
from tests.adopt.test_adopt import HALF, see_whole

from scidex import lab
from scidex.adopt import (
    AdoptForbidden,
    AdoptionRuns,
    BackfillRejected,
    BudgetsForeign,
    ColumnTaken,
    IfNullInvalid,
    IfNullLate,
    NothingToAdopt,
    OwnSchema,
    SchemaUnclear,
    SourceMissing,
    SourceNull,
    SourceUnfit,
    TableUnsuitable,
    TriggersWouldFire,
    adopt,
)
from scidex.core.errors import Refusal
from scidex.core.migrations import SchemaTaken, migrate
from scidex.economy import Economy

NewLegacy = Callable[..., Legacy]
UNKNOWN = """
INSERT INTO resource_usage (entity_type, entity_id, resource_type, amount, created_at)
VALUES ('e', 'i', 'llm', NULL, NULL), ('e', 'i', 'llm', 4, '2026-01-01');
INSERT INTO allocation_proposals (requested_tokens) VALUES (5);
"""


def test_what_nobody_knows_is_not_made_up_but_asked_for(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(LEGACY + UNKNOWN)
    before = legacy.catalogue()
    with pytest.raises(SourceNull, match=r"1 rows of resource_usage have no amount.*--if-null amount_used=0"):
        legacy.adopt()
    with pytest.raises(SourceNull, match="created_at"):
        legacy.adopt(if_null=["amount_used=0"])
    with pytest.raises(SourceNull, match="have no proposer_id or proposer_agent"):
        legacy.adopt(if_null=["amount_used=0", "timestamp=1970-01-01"])
    assert legacy.catalogue() == before
    told = ["amount_used=0", "timestamp=1970-01-01", "proposer=unknown"]
    see_whole(legacy, legacy.adopt(if_null=told))
    assert legacy.ask("SELECT amount_used, timestamp::text FROM resource_usage ORDER BY id") == [
        (0, "1970-01-01 00:00:00+00"),
        (4, "2026-01-01 00:00:00+00"),
    ]
    # It holds for what comes later too, and asking for the same again changes nothing.
    legacy.run("INSERT INTO resource_usage (entity_type, entity_id, resource_type) VALUES ('e', 'i', 'cpu')")
    assert legacy.ask("SELECT amount, amount_used FROM resource_usage ORDER BY id DESC LIMIT 1") == [(None, 0)]
    assert not legacy.adopt(if_null=told).changed


def test_a_null_source_that_comes_later_is_reported_and_can_be_answered(new_legacy: NewLegacy) -> None:
    legacy = new_legacy()
    legacy.adopt()
    legacy.run("INSERT INTO resource_usage (entity_type, entity_id, resource_type) VALUES ('e', 'i', 'cpu')")
    report = legacy.adopt()
    assert (report.changed, report.complete) == (False, False)
    assert [each.nulls_after for each in report.columns if each.column == "amount_used"] == [1]
    if legacy.virtual:
        with pytest.raises(IfNullLate, match="Fill in amount instead"):
            legacy.adopt(if_null=["amount_used=0"])
    else:
        assert legacy.adopt(if_null=["amount_used=0"]).complete
        assert legacy.ask("SELECT amount_used FROM resource_usage") == [(0,)]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("amount_used", "it has no ="),
        ("cost=0", "'cost' is no column"),
        ("amount_used=many", "invalid input syntax"),
    ],
)
def test_a_value_that_cannot_be_one_is_refused(new_legacy: NewLegacy, given: str, problem: str) -> None:
    with pytest.raises(IfNullInvalid, match=problem):
        new_legacy().adopt(if_null=[given])


def test_it_works_in_any_schema(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(f'CREATE SCHEMA "Old ""One"; SET search_path = "Old ""One"; {LEGACY}')
    assert legacy.adopt(dry_run=True).schema == 'Old "One'
    assert legacy.adopt(schema='Old "One').complete
    assert legacy.ask("SELECT to_regclass('public.resource_budgets')") == [(None,)]
    with pytest.raises(NothingToAdopt, match=r"'public' has neither.*They are in: Old"):
        legacy.adopt(schema="public")


def test_of_several_schemas_one_is_to_be_named(new_legacy: NewLegacy) -> None:
    legacy = new_legacy("CREATE SCHEMA archive; CREATE TABLE archive.resource_usage (amount integer, created_at date)")
    legacy.run("CREATE TEMP TABLE resource_usage (id integer)")
    assert legacy.adopt(dry_run=True).schema == "archive"
    legacy.run(LEGACY)
    with pytest.raises(SchemaUnclear, match="SciDEX: archive, public"):
        legacy.adopt()
    assert legacy.adopt(schema="public").complete
    assert legacy.ask("SELECT to_regclass('archive.resource_budgets')") == [(None,)]


def test_our_own_economy_lives_in_a_schema_beside_an_adopted_one(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    with pytest.raises(SchemaTaken, match=r"The schema public has .*resource_usage"):
        migrate(legacy.url, SETTINGS)
    see_whole(legacy, legacy.adopt())
    before = [row for row in legacy.catalogue() if "scidex" not in row[0]]
    legacy.run("CREATE SCHEMA scidex")
    url = make_conninfo(legacy.url, options="-csearch_path=scidex")
    migrate(url, SETTINGS)
    with Economy.open(SETTINGS.model_copy(update={"database_url": url})) as economy, economy.reading() as tx:
        assert lab.audit(tx).ok
    after = legacy.catalogue()
    assert set(before) <= set(after)
    assert not legacy.adopt().changed
    with pytest.raises(OwnSchema):
        legacy.adopt(schema="scidex")


def test_a_partitioned_table_is_adopted_with_its_partitions(new_legacy: NewLegacy) -> None:
    usage = """
    CREATE TABLE resource_usage (entity_id text, amount bigint, created_at timestamp NOT NULL) PARTITION BY RANGE (created_at);
    CREATE TABLE usage_1 PARTITION OF resource_usage FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE usage_2 PARTITION OF resource_usage FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    INSERT INTO resource_usage SELECT 'e', i, '2026-01-01'::timestamp + i * interval '1 hour' FROM generate_series(1, 1000) AS i;
    """
    legacy = new_legacy(usage)
    report = legacy.adopt()
    assert report.complete
    assert {each.table for each in report.columns} == {"resource_usage", "resource_budgets"}
    legacy.run(
        "CREATE TABLE usage_3 PARTITION OF resource_usage FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');"
        "INSERT INTO resource_usage VALUES ('late', 7, '2026-03-05')"
    )
    assert legacy.ask("SELECT sum(amount_used), max(timestamp)::text FROM resource_usage") == [
        (500507, "2026-03-05 00:00:00")
    ]
    assert not legacy.adopt().changed


def test_types_are_those_of_the_sources(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(
        """
        CREATE DOMAIN tokens AS integer CHECK (VALUE >= 0);
        CREATE TABLE resource_usage (amount double precision, created_at varchar(40));
        CREATE TABLE allocation_proposals (requested_tokens tokens, proposer_id integer, proposer_agent varchar(20));
        INSERT INTO resource_usage VALUES (0.5, '2026-01-01T00:00:00Z');
        INSERT INTO allocation_proposals VALUES (5, 17, 'a'), (6, NULL, 'b');
        """
    )
    see_whole(legacy, legacy.adopt())
    types = dict(
        legacy.ask("SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'")
    )
    assert [types[name] for name in ("amount_used", "timestamp", "requested_amount", "proposer")] == [
        "double precision", "text", "integer", "text",
    ]  # fmt: skip
    assert legacy.ask("SELECT requested_amount, proposer FROM allocation_proposals ORDER BY 1") == [(5, "17"), (6, "b")]


def test_triggers_of_others_are_not_fired_by_what_is_filled(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=200)
    legacy.run(HALF)
    legacy.run(
        """
        CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'usage is append-only'; END$$;
        CREATE TRIGGER append_only BEFORE UPDATE ON resource_usage FOR EACH ROW EXECUTE FUNCTION never();
        """
    )
    as_owner(legacy)
    with pytest.raises(TriggersWouldFire, match=r"its own triggers \(append_only\)"):
        adopt(make_conninfo(legacy.url, user="landlady"), SETTINGS)
    see_whole(legacy, legacy.adopt())


def as_owner(legacy: Legacy) -> None:
    """Give everything to a user who is no superuser."""
    if not legacy.ask("SELECT FROM pg_roles WHERE rolname = 'landlady'"):
        legacy.run("CREATE ROLE landlady LOGIN")
    legacy.run(
        "ALTER TABLE resource_usage OWNER TO landlady; ALTER TABLE allocation_proposals OWNER TO landlady;"
        "ALTER TABLE IF EXISTS resource_budgets OWNER TO landlady; GRANT CREATE ON SCHEMA public TO landlady"
    )


def test_the_owner_of_the_tables_suffices_and_a_guest_does_not(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    before = legacy.catalogue()
    if not legacy.ask("SELECT FROM pg_roles WHERE rolname = 'visitor'"):
        legacy.run("CREATE ROLE visitor LOGIN")
    with pytest.raises(AdoptForbidden, match="it may not read resource_usage"):
        adopt(make_conninfo(legacy.url, user="visitor"), SETTINGS)
    legacy.run("GRANT SELECT ON resource_usage, allocation_proposals TO visitor")
    with pytest.raises(AdoptForbidden, match=r"'visitor' may not do this: resource_usage belongs"):
        adopt(make_conninfo(legacy.url, user="visitor"), SETTINGS)
    assert [row[:5] for row in legacy.catalogue()] == [row[:5] for row in before]
    as_owner(legacy)
    legacy.run("REVOKE CREATE ON SCHEMA public FROM landlady")
    with pytest.raises(AdoptForbidden, match="may not create in the schema public"):
        adopt(make_conninfo(legacy.url, user="landlady"), SETTINGS)
    legacy.run("GRANT CREATE ON SCHEMA public TO landlady")
    see_whole(legacy, adopt(make_conninfo(legacy.url, user="landlady"), SETTINGS))


def test_who_may_read_every_column_by_name_still_reads_all(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    if not legacy.ask("SELECT FROM pg_roles WHERE rolname = 'Odd reader'"):
        legacy.run('CREATE ROLE "Odd reader" LOGIN; CREATE ROLE narrow LOGIN')
    columns = (
        "id, proposer_id, proposer_agent, entity_type, entity_id, requested_tokens, justification, status, created_at"
    )
    legacy.run(
        f'GRANT SELECT ({columns}) ON allocation_proposals TO "Odd reader";'
        "GRANT SELECT (id, status) ON allocation_proposals TO narrow"
    )
    see_whole(legacy, legacy.adopt())
    with psycopg.connect(legacy.url, user="Odd reader") as connection:
        assert len(connection.execute("SELECT * FROM allocation_proposals LIMIT 1").fetchall()) == 1
    with psycopg.connect(legacy.url, user="narrow") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT proposer FROM allocation_proposals")


def test_a_row_that_its_own_table_refuses_stops_the_filling_with_its_reason(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    legacy.run(HALF)
    legacy.run("ALTER TABLE resource_usage ADD CONSTRAINT small CHECK (amount < 50) NOT VALID")
    with pytest.raises(BackfillRejected, match='violates check constraint "small"'):
        legacy.adopt()
    legacy.run("ALTER TABLE resource_usage DROP CONSTRAINT small")
    see_whole(legacy, legacy.adopt())


def test_only_one_adoption_runs_at_a_time(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    legacy.run(HALF)
    met: list[Refusal] = []

    def meet(table: str, rows: int) -> None:
        with pytest.raises(AdoptionRuns, match=r"as process \d+") as refused:
            legacy.adopt()
        met.append(refused.value)

    assert legacy.adopt(progress=meet).complete
    assert met


@pytest.mark.parametrize(
    ("script", "refusal", "words"),
    [
        ("CREATE TABLE other (id integer)", NothingToAdopt, "in: no schema of this database"),
        ("CREATE VIEW resource_usage AS SELECT 1 AS amount", TableUnsuitable, "resource_usage is a view"),
        (
            "CREATE TABLE parent (amount integer); CREATE TABLE resource_usage () INHERITS (parent)",
            TableUnsuitable,
            "part of an inheritance",
        ),
        ("CREATE TABLE resource_usage (used integer)", SourceMissing, "none of the columns amount"),
        ("CREATE TABLE resource_usage (amount jsonb)", SourceUnfit, "from amount, which is of the type jsonb"),
        (
            "CREATE TABLE resource_usage (x integer, amount integer GENERATED ALWAYS AS (x) STORED)",
            SourceUnfit,
            "itself generated",
        ),
        (
            "CREATE TABLE resource_usage (amount numeric, amount_used integer)",
            ColumnTaken,
            "amount_used is there as integer, where numeric is needed",
        ),
        (
            "CREATE TABLE allocation_proposals (requested_tokens bigint, proposer_id text, votes integer)",
            ColumnTaken,
            "votes is there as integer, where jsonb",
        ),
        (
            "CREATE TABLE allocation_proposals (requested_tokens bigint, proposer_id boolean)",
            SourceUnfit,
            "of the type boolean",
        ),
        (
            "CREATE TABLE resource_usage (amount integer, created_at date); CREATE TABLE resource_budgets (id integer)",
            BudgetsForeign,
            "has no entity_type",
        ),
        (
            "CREATE TABLE resource_usage (amount integer, created_at date);"
            "CREATE TABLE resource_budgets (entity_type text, entity_id text, cpu_budget text)",
            ColumnTaken,
            "cpu_budget is there as text, where numeric",
        ),
    ],
)
def test_what_is_something_else_is_refused_and_left_as_it_is(
    new_legacy: NewLegacy, script: str, refusal: type[Refusal], words: str
) -> None:
    legacy = new_legacy(script)
    before = legacy.catalogue()
    with pytest.raises(refusal, match=words):
        legacy.adopt()
    assert legacy.catalogue() == before
