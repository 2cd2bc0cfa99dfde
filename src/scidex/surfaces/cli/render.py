"""Answers on the terminal: tables for people, one JSON document for programs, notes beside them on stderr."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    # Rendering a line of help should not import the economy.
    from scidex.views import BudgetView, GrantView

PIPE_WIDTH = 4000
"""Columns where nobody looks: wide enough that no id is ever cut or folded."""
PRICE_DIGITS = 6
WRAPPED = 20
"""Least width of a column whose texts wrap; what is shorter never does, because half a number is another number."""

TOKENS = {
    "attack_cost", "average_price", "awarded", "base", "bond", "bonds", "bounty_tokens", "budget", "capital_at_risk",
    "claim", "clawed", "cost", "demand", "drawdown", "drawn", "due", "earned", "equity", "exit_value", "left",
    "left_out", "liquidity", "maker_result", "minted", "netted", "owed", "paid", "payout", "payouts", "price_worth",
    "prize", "pump_bound", "realised", "returned", "revoked", "royalties_in", "royalties_out", "short", "subsidy",
    "supply", "taken_back", "turnover", "unrealised", "withheld", "worst_case",
}  # fmt: skip
"""Fields whose amounts are tokens, whatever the view."""
UNIT = {
    "amount", "available", "balance", "balances", "cap", "floor", "grant", "granted", "held", "posted", "remainder",
    "remaining",
}  # fmt: skip
"""Fields whose amounts are in the unit that the view, the account or the command names."""
RETURNS = {"audited", "audited_shrunk", "cost_tokens", "precision", "roi_score", "shrunk"}
"""Figures that may be unknown, and have more digits than anybody reads."""
PRICES = {"average_price", "lagged", "price", "prices", "uncertainty"}

COLUMNS: dict[str, str] = {
    "AccountView": "account unit balance held available",
    "ActorView": "name sort roles owner family registered_at",
    "AllocationRowView": "number created_at sort unit amount pool cycle binding actor note",
    "BountyView": "bounty artifact funder amount remaining state claimant expires_at purpose",
    "BudgetView": "rank artifact price demand bounty_tokens budget market",
    "BudgetEventView": "number at sort scope subject unit amount cap note",
    "CaseView": "case proposer ruling outcome evidence disputer counter_ruling counter_outcome counter_evidence how",
    "ConcernView": "sort urgent artifact due_at what",
    "CycleView": "pool unit cycle at amount granted claims theta",
    "EmissionView": "starts_at ends_at supply minted revoked left",
    "EntityView": "entity_type entity_id title domain proposer registered_at",
    "EnvelopeLine": "unit granted reserved spent available debt",
    "EnvelopeView": "artifact pool budgets priority_score version updated_at used_at",
    "EntryView": "number leg at amount balance other reason",
    "GrantView": "artifact claim floor cap grant binding why",
    "FundingView": "funder amount funded_at",
    "OwnEdgeView": "edge subject predicate object actor work_item source confidence role share",
    "ContributionView": "actor owner artifact work_item source confidence at role share",
    "GainView": "kind reference actor work_item amount at retracted_at",
    "RoiView": "artifact kg_edges_gained tokens_spent roi_score shrunk low high precision cost_tokens usd",
    "LimitView": "scope subject unit window cap used held resets_at",
    "MarketView": "market artifact state prices liquidity capital_at_risk trades closes_at",
    "PaymentView": "number at sort subject paid_to amount",
    "PortionView": "party due paid short withheld",
    "HoldingView": "market artifact domain state shares cost exit_value unrealised realised",
    "RankView": "rank actor markets trades skill skill_low skill_high",
    "PipelineArtifactView": "artifact title capital spent_tokens kg_edges_gained",
    "PoolLineView": "pool unit free granted reserved spent idle",
    "PositionView": "market actor shares cost paid capital_at_risk payout",
    "PolicyVersionView": "version enacted_at proposal",
    "ProposalEventView": "number at actor event note",
    "ProposalLine": "proposal sort entity_type entity_id proposer state requested pool approve reject seats due_at",
    "LoserView": "artifact unit before after",
    "ReservationView": "reservation artifact actor amounts usd model work expires_at",
    "UsageHourView": "hour artifact actor unit model amount calls input_tokens output_tokens usd usd_unknown",
    "UsageView": "used_at artifact actor unit amount model input_tokens output_tokens usd reservation event source",
    "WorkView": "output_type output_id submitter submitted_at state awarded judged_by note",
    "RewardView": "kind number at reviewer quality amount revoked_at",
    "SettlementLine": "market state version case due_at bonds withheld",
    "ScoreView": "entity_type entity_id score low high signals computed_at",
    "StageView": "stage actor evidence recorded_at",
    "TradeView": "trade at actor side outcome shares redeemed paid prices",
}
"""What a list shows of each view; its JSON has every field."""


CONTINUED = {
    "AllocationRowView": "--before",
    "BountyView": "--offset",
    "BudgetEventView": "--before",
    "BudgetView": "--offset",
    "CycleView": "--before",
    "EmissionView": "--offset",
    "EntryView": "--before",
    "RankView": "--offset",
    "OwnEdgeView": "--offset",
    "GainView": "--offset",
    "WorkGainView": "--offset",
    "TripleView": "--offset",
    "PaymentView": "--offset",
    "ReservationView": "--offset",
    "TradeView": "--before",
    "UsageView": "--before",
}
"""What continues a list; where nothing stands here it is --after."""


class ReaderLeft(Exception):
    """Whoever read the answer has enough of it. Typer and Rich would each exit 1, which says that an audit failed."""


class InUnit(NamedTuple):
    """A view whose amounts are in a unit that it does not name itself."""

    view: Any
    unit: str


def printable(text: str) -> str:
    """The text with whatever would move a terminal's cursor or colours made visible."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def note(line: str) -> None:
    """A line for whoever watches, on stderr: never part of the answer."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def document(value: Any) -> None:
    """The one JSON document of a command. ASCII, so that no terminal or pipe can garble it."""
    plain = to_jsonable_python(value, inf_nan_mode="null", fallback=str)
    _write(json.dumps(plain, indent=2))


def line(value: Any) -> None:
    """A JSON document in one line, for whoever reads while the command still runs."""
    _write(json.dumps(to_jsonable_python(value)))


def lines(text: str) -> None:
    """Lines that are JSON documents already."""
    if text:
        _write(text)


def _write(words: str) -> None:
    try:
        print(words, flush=True)  # noqa: T201
    except BrokenPipeError:
        raise ReaderLeft from None


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        raise ReaderLeft


def console(*, stderr: bool = False) -> Console:
    """Where text goes; nothing in it is markup, because titles and reasons are other people's words."""
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else PIPE_WIDTH
    return _Console(file=file, width=width, markup=False, emoji=False, highlight=False)


def text(*lines: str) -> None:
    """Plain lines of an answer."""
    for each in lines:
        _write(printable(each))


def show(answer: Any) -> None:
    """An answer for people: a page as a table, anything else field by field."""
    unit = None
    if isinstance(answer, InUnit):
        answer, unit = answer
    if isinstance(answer, BaseModel) and "items" in type(answer).model_fields:
        _show_page(answer, unit)
    else:
        show_fields(_fields(answer), _descriptions(answer), unit or getattr(answer, "unit", None))


def show_fields(fields: Mapping[str, Any], about: Mapping[str, str], unit: str | None = None) -> None:
    """One thing, a field per line; lists of things in it follow as tables."""
    table = _table("", "", "", headed=False)
    lists: list[list[Mapping[str, Any]]] = []
    parts: list[BaseModel] = []
    for name, value in fields.items():
        if isinstance(value, BaseModel):
            parts.append(value)
        elif isinstance(value, Mapping) and value and isinstance(next(iter(value.values())), BaseModel):
            lists.append([{name: key} | _fields(view) for key, view in value.items()])
        elif isinstance(value, Sequence) and value and isinstance(value[0], BaseModel):
            lists.append([_chosen(view) for view in value])
        else:
            table.add_row(*map(Text, (heading(name, unit), cell(name, value), about.get(name, ""))))
    console().print(table)
    for part in parts:
        show_fields(_fields(part), _descriptions(part), unit)
    for rows in lists:
        show_rows(rows, unit)


def show_rows(rows: Iterable[Mapping[str, Any]], unit: str | None = None, *, stderr: bool = False) -> None:
    """Things of one sort, a row each, with the unit of every amount in its heading.

    On a terminal that is too narrow the long texts wrap; on one that is too narrow for that, each thing stands field
    by field.
    """
    rows = list(rows)
    if not rows:
        text("none")
        return
    out = console(stderr=stderr)
    table = _table(*(heading(name, unit) for name in rows[0]))
    for column, name in zip(table.columns, rows[0], strict=True):
        if any(isinstance(row[name], (int, float)) and not isinstance(row[name], bool) for row in rows):
            column.justify = "right"
    for row in rows:
        table.add_row(*(Text(cell(name, value)) for name, value in row.items()))
    natural = out.measure(table, options=out.options.update(width=PIPE_WIDTH)).maximum
    if natural > out.width and _wrap_texts(table) > out.width:
        for row in rows:
            show_fields(row, {}, unit)
            out.print()
        return
    out.print(table)


def show_ranking(ranking: Sequence[BudgetView], grants: Mapping[tuple[str, str], GrantView], unit: str) -> None:
    """Artifacts by what they claim, with what each was granted and why: one table, which fits 80 columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("#", "artifact", "price", "demand", "bounty", "claim", "grant", "bound", "why"):
        texts = name in ("artifact", "bound", "why")
        table.add_column(
            name, justify="left" if texts else "right", no_wrap=name not in ("artifact", "why"), overflow="fold"
        )
    for budget in ranking:
        grant = grants.get((budget.artifact_type, budget.artifact_id))
        numbers = [cell("", round(value, 1)) for value in (budget.demand, budget.bounty_tokens, budget.budget)]
        table.add_row(
            str(budget.rank),
            printable(f"{budget.artifact_type} {budget.artifact_id}"),
            "unknown" if budget.price is None else f"{budget.price:.2f}",
            *numbers,
            cell("grant", grant.grant) if grant else "0",
            grant.binding if grant else "-",
            grant.why if grant else "it claims nothing",
        )
    console().print(table)
    text(f"demand (capital at risk), bounty and claim in tokens, grant in {unit}; bound: which limit binds the grant")


def heading(name: str, unit: str | None = None) -> str:
    """A field as people read it, with the unit of its values.

    >>> heading("demand"), heading("grant", "llm_standard"), heading("expires_at"), heading("age_s")
    ('demand (tokens)', 'grant (llm_standard)', 'expires (UTC)', 'age (s)')
    """
    if "(" in name:
        return name
    words = name.replace("_", " ")
    if name in TOKENS:
        return f"{words.removesuffix(' tokens')} (tokens)"
    if name in UNIT:
        return f"{words} ({'tokens' if unit == 'token' else unit or 'of the unit'})"
    if name in ("at", "as_of"):
        return f"{words} (UTC)"
    if name.endswith("_at"):
        return f"{words.removesuffix(' at')} (UTC)"
    return f"{words.removesuffix(' s')} (s)" if name.endswith("_s") else words


def cell(name: str, value: Any) -> str:
    """A value as people read it: exact, prices and returns to six digits, what is not known said so.

    >>> cell("amount", 1e-06), cell("price", None), cell("payout", None), cell("price", 2 / 3)
    ('0.000001', 'unknown', '-', '0.666667')
    >>> cell("roi_score", None), cell("shrunk", 2 / 3000), cell("roi_score", 1e-7 / 3)
    ('unknown', '0.000666667', '0.0000000333333')
    """
    if value is None:
        return "unknown" if name in PRICES or name in RETURNS else "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and name in RETURNS:
        return _number(float(f"{value:.{PRICE_DIGITS}g}"))
    if isinstance(value, (int, float)):
        return f"{value:.{PRICE_DIGITS}f}" if name in PRICES else _number(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping):
        return ", ".join(f"{printable(str(key))} {cell(name, each)}" for key, each in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(name, each) for each in value) or "-"
    return printable(str(value))


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{Decimal(repr(value)).normalize():f}"


def _show_page(page: Any, unit: str | None) -> None:
    show_rows([_chosen(view) for view in page.items], unit)
    if page.next is not None:
        option = CONTINUED.get(type(page.items[0]).__name__, "--after")
        note(f"there is more: {option} {shlex.quote(str(page.next))}")


def _chosen(view: BaseModel) -> dict[str, Any]:
    fields = _fields(view)
    chosen = COLUMNS.get(type(view).__name__)
    if "artifact_type" in fields:
        named = fields["artifact_type"] is not None
        fields["artifact"] = f"{fields['artifact_type']} {fields['artifact_id']}" if named else "-"
    return {name: fields[name] for name in chosen.split()} if chosen else fields


def _fields(answer: Any) -> dict[str, Any]:
    return dict(answer) if isinstance(answer, (BaseModel, Mapping)) else vars(answer)


def _descriptions(answer: Any) -> dict[str, str]:
    """What each field of a view is; a receipt needs no explaining, and is known by the number that it carries."""
    fields = type(answer).model_fields if isinstance(answer, BaseModel) else {}
    return {} if "number" in fields else {name: field.description or "" for name, field in fields.items()}


def _table(*headings: str, headed: bool = True) -> Table:
    looked_at = sys.stdout.isatty()
    table = Table(box=SIMPLE_HEAD if looked_at and headed else None, show_header=headed, pad_edge=False)
    for words in headings:
        # A narrow terminal breaks an id over two lines rather than cut it: it may be copied from here.
        table.add_column(Text(words), overflow="fold")
    return table


def _wrap_texts(table: Table) -> int:
    """Let the long texts of a table wrap, and nothing else; how wide it then is at least."""
    least = 1
    for column in table.columns:
        heads = max(map(len, str(column.header).split()))
        longest = max(len(each.plain) for each in column.cells if isinstance(each, Text))
        if longest > WRAPPED:
            column.min_width = max(heads, WRAPPED)
        else:
            column.width = max(heads, longest)
        least += (column.width or column.min_width or 0) + 3
    return least
