"""The plan follows from what was found, and from nothing else."""

from __future__ import annotations

import pytest

from scidex.adopt.model import (
    MIRRORS,
    AddColumn,
    Column,
    ColumnTaken,
    FillColumn,
    Found,
    IfNullInvalid,
    KeepColumn,
    MakeBudgets,
    Nulls,
    Table,
)
from scidex.adopt.rules import expression_of, fits, parse_if_null, plan


def column(name: str, kind: str, category: str, **more: object) -> Column:
    facts = {"base": kind, "builtin": True, "state": "plain", **more}
    return Column(name=name, type=kind, category=category, **facts)


AMOUNT, CREATED = column("amount", "numeric", "N"), column("created_at", "timestamp with time zone", "D")


def usage(*columns: Column, version: int = 180000, rows: int = 10, nulls: dict[str, Nulls] | None = None) -> Found:
    table = Table("resource_usage", "a table", True, rows, {each.name: each for each in columns}, nulls or {})
    return Found("public", version, "ann", True, True, {table.name: table})


def test_a_column_is_computed_where_it_can_be_and_filled_where_it_cannot() -> None:
    new = plan(usage(AMOUNT, CREATED), {})
    assert [(type(step), getattr(step, "how", None)) for step in new.steps] == [
        (AddColumn, "virtual"),
        (AddColumn, "virtual"),
        (MakeBudgets, None),
    ]
    old = plan(usage(AMOUNT, CREATED, version=170004), {})
    assert [type(step) for step in old.steps] == [*[AddColumn, KeepColumn, FillColumn] * 2, MakeBudgets]
    own_type = column("amount", "public.tokens", "N", base="numeric", builtin=False)
    assert [type(step) for step in plan(usage(own_type, CREATED), {}).steps][:3] == [AddColumn, KeepColumn, FillColumn]
    # An empty table has no row to fill.
    assert FillColumn not in {type(step) for step in plan(usage(AMOUNT, CREATED, version=150000, rows=0), {}).steps}


def test_a_column_that_is_there_is_filled_as_far_as_its_source_is_known() -> None:
    there = column("amount_used", "numeric", "N", state="kept")
    nulls = {"amount_used": Nulls(5, 2, 0)}
    (fill, _, _) = plan(usage(AMOUNT, CREATED, there, nulls=nulls), {}).steps
    assert isinstance(fill, FillColumn)
    assert fill.rows == 3
    steps = plan(usage(AMOUNT, CREATED, there, nulls=nulls), {"amount_used": "0"}).steps
    assert [type(step) for step in steps[:2]] == [KeepColumn, FillColumn]
    assert isinstance(steps[1], FillColumn)
    assert steps[1].rows == 5
    # What was once said still holds, and is not said again.
    told = column("amount_used", "numeric", "N", state="kept", if_null="0")
    (fill, _, _) = plan(usage(AMOUNT, CREATED, told, nulls=nulls), {"amount_used": "0"}).steps
    assert isinstance(fill, FillColumn)
    assert fill.rows == 5


@pytest.mark.parametrize(
    ("kind", "target", "does"),
    [
        ("numeric", "numeric", True),
        ("numeric(12,2)", "numeric", True),
        ("numeric", "numeric(12,2)", False),
        ("integer", "numeric", True),
        ("smallint", "integer", True),
        ("bigint", "integer", False),
        ("real", "double precision", True),
        ("double precision", "real", False),
        ("double precision", "numeric", False),
        ("character varying(20)", "text", True),
        ("character varying(20)", "character varying(30)", True),
        ("character varying(20)", "character varying(10)", False),
        ("text", "character varying", True),
        ("jsonb", "json", True),
        ("jsonb", "text", False),
        ("timestamp without time zone", "timestamp with time zone", False),
    ],
)
def test_a_type_fits_where_every_value_stays_what_it_is(kind: str, target: str, does: bool) -> None:
    assert fits(kind, target) is does


def test_a_column_of_a_type_that_would_lose_something_is_taken() -> None:
    with pytest.raises(ColumnTaken):
        plan(usage(AMOUNT, CREATED, column("amount_used", "bigint", "N")), {})


def test_several_sources_of_different_types_are_taken_as_text() -> None:
    proposer = next(mirror for mirror in MIRRORS if mirror.column == "proposer")
    number, text = column("proposer_id", "integer", "N"), column("proposer_agent", "character varying(9)", "S")
    table = Table("allocation_proposals", "a table", True, 1, {"proposer_id": number, "proposer_agent": text}, {})
    made = expression_of(table, proposer)
    assert made is not None
    assert (made.type, made.as_text) == ("text", True)
    only = Table("allocation_proposals", "a table", True, 1, {"proposer_id": number}, {})
    made = expression_of(only, proposer)
    assert made is not None
    assert (made.type, made.sources, made.as_text) == ("integer", ("proposer_id",), False)


@pytest.mark.parametrize("given", ["votes=[]", "amount_used", "=0", "amount=3"])
def test_only_a_column_that_is_made_from_another_is_given_a_value(given: str) -> None:
    with pytest.raises(IfNullInvalid):
        parse_if_null([given])
    with pytest.raises(IfNullInvalid, match="twice"):
        parse_if_null(["proposer=a", "proposer=b"])
