"""Migrations run once, run again without harm, complete what is half done, and refuse what is foreign."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from scidex.core import migrations
from scidex.core.embedded import EmbeddedServer
from scidex.core.migrations import (
    MigrationForbidden,
    SchemaAhead,
    SchemaBehind,
    SchemaForeign,
    SchemaHalf,
    SchemaLost,
    all_migrations,
    check_schema,
    migrate,
    schema_status,
)
from scidex.core.settings import Settings
from scidex.economy import Economy


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def empty(new_database):
    return new_database("template0")


def execute(url, sql):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql)


def schema(url):
    """Every column, constraint and index, as the catalogue has them."""
    query = """
    SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT tablename, indexname, indexdef, '' FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2, 3
    """
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_an_empty_database_is_brought_to_this_version_once(empty, settings):
    with pytest.raises(SchemaBehind):
        check_schema(empty, settings)
    assert migrate(empty, settings) == [step.name_in_full for step in all_migrations()]
    assert migrate(empty, settings) == []
    check_schema(empty, settings)


def test_a_given_database_is_not_changed_without_being_asked(empty, settings):
    with pytest.raises(SchemaBehind):
        Economy.open(settings.model_copy(update={"database_url": empty}))
    assert schema(empty) == []


def test_every_step_may_run_again_without_changing_anything(empty, settings):
    migrate(empty, settings)
    before = schema(empty)
    for step in all_migrations():
        execute(empty, step.sql.encode())
    assert schema(empty) == before


def test_a_half_migrated_database_is_named_and_completed(empty, settings):
    migrate(empty, settings)
    whole = schema(empty)
    execute(empty, "DROP TABLE market_trade, ledger_hold")
    with pytest.raises(SchemaHalf) as refused:
        check_schema(empty, settings)
    assert refused.value.facts["missing"] == "ledger_hold, market_trade"
    assert migrate(empty, settings) == ["0003_ledger", "0004_markets", "0013_orders", "0022_insight"]
    assert schema(empty) == whole


def test_a_table_that_is_gone_from_a_database_with_records_is_never_made_anew(empty, settings):
    migrate(empty, settings)
    given = settings.model_copy(update={"database_url": empty})
    Economy.open(given).close()
    execute(empty, "DROP TABLE market_trade")
    with pytest.raises(SchemaHalf):
        Economy.open(given)
    with pytest.raises(SchemaLost, match="lacks market_trade"):
        migrate(empty, settings)
    assert schema_status(empty, settings).missing == ["market_trade"]


def test_a_column_that_is_gone_is_missed(empty, settings):
    migrate(empty, settings)
    execute(empty, "ALTER TABLE market RENAME COLUMN at_risk TO risk")
    with pytest.raises(SchemaHalf, match=r"lacks market\.at_risk"):
        check_schema(empty, settings)
    with pytest.raises(SchemaLost):
        migrate(empty, settings)


def test_a_column_that_a_later_step_added_is_missed_too(empty, settings):
    migrate(empty, settings)
    execute(empty, "ALTER TABLE market DROP COLUMN surplus")
    with pytest.raises(SchemaHalf, match=r"lacks market\.surplus"):
        check_schema(empty, settings)


def test_an_embedded_database_that_lacks_a_table_is_refused_and_left_as_it_is():
    with tempfile.TemporaryDirectory(prefix="sx") as home, EmbeddedServer(Path(home)) as url:
        settings = Settings(home=Path(home))
        Economy.open(settings).close()
        execute(url, "DROP TABLE bounty")
        with pytest.raises(SchemaHalf, match="lacks bounty"):
            Economy.open(settings)
        assert schema_status(url, settings).missing == ["bounty"]


def test_a_database_that_stopped_between_two_steps_goes_on_from_there(empty, settings, monkeypatch):
    steps = all_migrations()
    monkeypatch.setattr(migrations, "all_migrations", lambda: steps[:3])
    migrate(empty, settings)
    monkeypatch.undo()
    assert schema_status(empty, settings).pending == [step.name_in_full for step in steps[3:]]
    assert migrate(empty, settings) == [step.name_in_full for step in steps[3:]]


def test_a_database_of_a_newer_version_is_left_alone(empty, settings):
    migrate(empty, settings)
    execute(empty, "INSERT INTO scidex_migration (number, name, sha256) VALUES (99, 'later', 'x')")
    for attempt in (check_schema, migrate):
        with pytest.raises(SchemaAhead):
            attempt(empty, settings)


def test_a_database_whose_steps_were_others_is_left_alone(empty, settings):
    migrate(empty, settings)
    execute(empty, "UPDATE scidex_migration SET sha256 = 'x' WHERE number = 2")
    for attempt in (check_schema, migrate):
        with pytest.raises(SchemaForeign):
            attempt(empty, settings)


def test_a_user_without_the_right_to_create_is_told_what_to_ask_for(empty, settings):
    execute(empty, "DROP ROLE IF EXISTS guest")
    execute(empty, "CREATE ROLE guest LOGIN")
    with pytest.raises(MigrationForbidden, match=r'permission denied.*GRANT scidex_app TO "guest"'):
        migrate(make_conninfo(empty, user="guest"), settings)
    assert schema(empty) == []


def test_a_user_that_is_no_superuser_can_own_an_economy(server, empty, settings):
    execute(empty, "DROP ROLE IF EXISTS landlord")
    execute(empty, "CREATE ROLE landlord LOGIN CREATEROLE")
    execute(empty, "GRANT CREATE ON SCHEMA public TO landlord")
    execute(empty, "GRANT scidex_app TO landlord WITH ADMIN OPTION")
    url = make_conninfo(empty, user="landlord")
    migrate(url, settings)
    with Economy.open(settings.model_copy(update={"database_url": url})) as economy:
        assert economy.seal() == 2


def test_two_migrators_at_once_do_the_work_once(server, empty, settings):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: migrate(make_conninfo(empty), settings), range(4)))
    assert sorted(map(len, ran)) == [0, 0, 0, len(all_migrations())]
