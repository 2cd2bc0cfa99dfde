"""The books against the journal: every invariant, the chain, and every table against the journal run again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from pydantic import BaseModel

from scidex import work
from scidex.atlas import knowledge
from scidex.core.db import Tx
from scidex.core.journal import BINDINGS, Entry
from scidex.core.machine import Table
from scidex.core.seal import check_chain
from scidex.entities import EntityKey
from scidex.exchange import bounties, earnings, liquidity, markets, resource_allocator, settlement
from scidex.lab.model import Finding
from scidex.lab.world import TABLES, World
from scidex.ledger import ACCOUNTS, BUDGET, HOLDS, AccountKey, issuance_of, sums_by_unit
from scidex.metering import EVENTS, EventKey, EventRow, check_intakes, check_rollups, intake_events
from scidex.policy import POLICIES, PolicyRow
from scidex.senate import budgets, proposals, reviews, scores

Tables = dict[Table[Any, Any], dict[Any, Any]]
"""Rows by table and key."""
CHECKS = (
    "ledger",
    "holds",
    "markets",
    "liquidity",
    "settlements",
    "bounties",
    "earnings",
    "knowledge",
    "proposals",
    "scores",
    "usage",
    "reviews",
    "work",
    "chain",
    "journal",
    "tables",
)
"""In the order in which they run: invariants on the tables alone, the sealed chain, then the replay."""

_JOURNAL = "SELECT number, at, actor, key, kind, policy, command, receipt FROM journal ORDER BY number"


def read_tables(tx: Tx) -> Tables:
    """Every row of every table of the state."""
    return {table: dict(BINDINGS[table].scan(tx)) for table in TABLES}


def check_ledger(tx: Tx, tables: Tables) -> Iterator[Finding]:
    """Every unit sums to zero; no account outside its allowed sign; holds within balances."""
    for unit, total in sums_by_unit(tx).items():
        if total:
            yield Finding("ledger", f"unit {unit}", f"the balances sum to {total} parts, not 0")
    for key, account in tables[ACCOUNTS].items():
        # What was used beyond a budget is a debt that stands in its account until a grant repays it.
        may_be_short = key == issuance_of(key.unit) or key.purpose == BUDGET
        if account.held < 0 or (account.balance < account.held and not may_be_short):
            yield Finding("ledger", f"ledger_account {key}", f"holds {account.held} of a balance of {account.balance}")


def check_holds(tables: Tables) -> Iterator[Finding]:
    """What an account has set aside is the sum of its pending holds and open reservations; what a limit holds too."""
    pending: Counter[AccountKey] = Counter()
    counted: Counter[budgets.LimitKey] = Counter()
    for reservation in tables[budgets.RESERVATIONS].values():
        for unit, amount in reservation.held.items():
            pending[resource_allocator.budget_account(reservation.entity, unit)] += amount
        counted.update(budgets.held_in_limits(reservation))
    for hold in tables[HOLDS].values():
        if hold.state == "pending":
            pending[hold.debit] += hold.amount
    for key, account in tables[ACCOUNTS].items():
        if account.held != pending[key]:
            yield Finding(
                "holds",
                f"ledger_account {key}",
                f"has {account.held} set aside and its pending holds and reservations sum to {pending[key]}",
            )
    for limit_key, limit in tables[budgets.LIMITS].items():
        if limit.held != counted[limit_key]:
            yield Finding(
                "holds",
                f"budget_limit {limit_key}",
                f"holds {limit.held} and its open reservations sum to {counted[limit_key]}",
            )


def check_markets(tables: Tables) -> Iterator[Finding]:
    """Collateral covers the largest payout, prices sum to one, outstanding shares are those of the positions, and the
    book has in escrow what its orders have set aside."""
    held: dict[str, list[int]] = {}
    escrows, resting = Counter[str](), Counter[str]()
    for order in tables[markets.ORDERS].values():
        escrows[order.market] += order.escrow
        resting[order.market] += order.state == "open"
    for position in tables[markets.POSITIONS].values():
        found = held.setdefault(position.market, [0] * len(position.shares))
        for which, shares in enumerate(position.shares):
            found[which] += shares
    for name, market in tables[markets.MARKETS].items():
        row = f"market {name}"
        account = tables[ACCOUNTS].get(market.collateral)
        collateral = account.balance if account else 0
        if market.state in ("open", "closed") and collateral < max(market.shares):
            yield Finding("markets", row, f"has {collateral} for a payout of up to {max(market.shares)}")
        if market.state in ("resolved", "void") and collateral:
            yield Finding("markets", row, f"is settled and still has {collateral}")
        escrow = tables[ACCOUNTS].get(markets.escrow_of(name))
        if escrows[name] != (escrow.balance if escrow else 0):
            yield Finding("markets", row, f"its book has set aside {escrows[name]}, which is not what lies in escrow")
        if market.resting != resting[name]:
            yield Finding("markets", row, f"counts {market.resting} resting orders and has {resting[name]}")
        if sum(market.prices) != markets.lmsr.PRICE_ONE:
            yield Finding("markets", row, f"its prices sum to {sum(market.prices)} parts of 10^-12")
        if tuple(held.get(name, [0] * len(market.shares))) != market.shares:
            yield Finding("markets", row, "its outstanding shares are not those of its positions")


def check_liquidity(tables: Tables) -> Iterator[Finding]:
    """Planned changes of a market's liquidity are carried out or skipped in the order of their times."""
    passed: dict[str, Any] = {}
    for change in tables[liquidity.CHANGES].values():
        if change.state in ("done", "skipped"):
            passed[change.market] = max(change.at, passed.get(change.market, change.at))
    for change in tables[liquidity.CHANGES].values():
        if change.state == "planned" and change.market in passed and change.at < passed[change.market]:
            yield Finding(
                "liquidity", f"market_liquidity {change.market} {change.change}", "waits, and a later is over"
            )


def check_settlements(tables: Tables) -> Iterator[Finding]:
    """Bonds and what is held back lie in their accounts, to the part and for nobody else; a settled market has paid out
    what it was owed by no more and no less than its parties were paid."""
    bonds: Counter[str] = Counter()
    for case in tables[settlement.CASES].values():
        if case.how is None:
            bonds[case.market] += case.bond * (1 if case.disputer is None else 2)
    withheld: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    for portion in tables[settlement.PORTIONS].values():
        withheld[portion.market] += portion.withheld
        owed[portion.market] += portion.due - portion.paid
    for name, found in tables[settlement.SETTLEMENTS].items():
        row = f"settlement {name}"
        for what, key, recorded, summed in (
            ("bonds", settlement.bonds_of(name), found.bonds, bonds[name]),
            ("withheld", settlement.withheld_of(name), found.withheld, withheld[name]),
        ):
            account = tables[ACCOUNTS].get(key)
            balance = account.balance if account else 0
            if not balance == recorded == summed:
                yield Finding("settlements", row, f"has {what} of {recorded}, {balance} there and {summed} by its rows")
        if owed[name]:
            yield Finding("settlements", row, f"its parties were paid {-owed[name]} more than they are due together")


def check_bounties(tables: Tables) -> Iterator[Finding]:
    """What remains of a bounty is what lies in its escrow, is what was put in less what was paid out, and who put it in
    and who was paid is written down; an artifact's board has the open ones."""
    put_in: Counter[str] = Counter()
    paid: Counter[tuple[str, str]] = Counter()
    for funding in tables[bounties.FUNDINGS].values():
        put_in[funding.bounty] += funding.amount
    for payment in tables[bounties.PAYMENTS].values():
        paid[payment.bounty, payment.sort] += payment.amount
    for name, bounty in tables[bounties.BOUNTIES].items():
        row = f"bounty {name}"
        account = tables[ACCOUNTS].get(bounty.escrow)
        escrow = account.balance if account else 0
        if escrow != bounty.remaining:
            yield Finding("bounties", row, f"has {bounty.remaining} and {escrow} in escrow")
        if bounty.amount != put_in[name]:
            yield Finding("bounties", row, f"is of {bounty.amount} and its funders put in {put_in[name]}")
        left = {"draw": bounty.drawn, "award": bounty.awarded, "refund": bounty.returned}
        for sort, amount in left.items():
            if amount != paid[name, sort]:
                yield Finding("bounties", row, f"has {amount} as {sort} and its payments sum to {paid[name, sort]}")
        board = tables[bounties.BOARDS].get(bounty.artifact)
        if (bounty.state == "open") != (board is not None and name in board.open):
            yield Finding("bounties", row, f"is {bounty.state}, which the board of its artifact does not say")


def check_earnings(tables: Tables) -> Iterator[Finding]:
    """The shares of a reward sum to it, what was revoked of it is all of it, a debt is what is owed less what was
    netted, and the periods minted what the rewards say."""
    shared: Counter[earnings.MintKey] = Counter()
    revoked: Counter[earnings.MintKey] = Counter()
    owed: Counter[str] = Counter()
    minted: Counter[Any] = Counter()
    for line in tables[earnings.LINES].values():
        key = earnings.MintKey(line.output, line.kind)
        shared[key] += line.amount
        revoked[key] += line.clawed + line.owed
        owed[line.payee] += line.owed - line.netted
    for key, mint in tables[earnings.MINTS].items():
        row = f"earning_mint {key.output} {key.kind}"
        minted[mint.period] += mint.amount
        if shared[key] != mint.amount:
            yield Finding("earnings", row, f"is of {mint.amount} and its shares sum to {shared[key]}")
        if revoked[key] != (mint.amount if mint.revoked_at else 0):
            yield Finding("earnings", row, f"is of {mint.amount} and {revoked[key]} of it is revoked")
    debts = {name: debt.amount for name, debt in tables[earnings.DEBTS].items()}
    for name in sorted(owed.keys() | debts.keys()):
        if owed[name] != debts.get(name, 0):
            yield Finding("earnings", f"earning_debt {name}", f"is {debts.get(name, 0)}, by the shares {owed[name]}")
    for period in chain(tables[earnings.EMISSION].values(), tables[earnings.PERIODS].values()):
        if period.minted != minted[period.starts_at]:
            found = f"minted {period.minted}, by its rewards {minted[period.starts_at]}"
            yield Finding("earnings", f"emission {period.unit} {period.starts_at}", found)


def check_knowledge(tables: Tables) -> Iterator[Finding]:
    """The shares of a statement that stands sum to one edge and those of others to nothing; every edge is counted in
    one statement; what each entity has gained is what its submissions, judgements and gains say."""
    edges, statements = tables[knowledge.EDGES], tables[knowledge.STATEMENTS]
    shared: Counter[str] = Counter()
    counted: defaultdict[EntityKey, Counter[str]] = defaultdict(Counter)
    for each in tables[knowledge.SUBMISSIONS].values():
        shared[edges[each.edge].statement if each.edge in edges else each.edge] += each.parts
        counted[each.entity].update(knowledge.figures_of(each, tables[knowledge.JUDGEMENTS].get(each.edge)))
    for gain in tables[knowledge.GAINS].values():
        counted[gain.entity].update(knowledge.figures_of_gain(gain))
    for name, statement in statements.items():
        due = knowledge.ONE if statement.state == knowledge.STANDING else 0
        if shared[name] != due:
            problem = f"is {statement.state} and its shares sum to {shared[name]}, not {due}"
            yield Finding("knowledge", f"knowledge_statement {name}", problem)
        for member in statement.edges if statement.state != knowledge.MERGED else ():
            if member not in edges or edges[member].statement != name:
                problem = f"names the edge {member}, which is not counted in it"
                yield Finding("knowledge", f"knowledge_statement {name}", problem)
    for name, edge in edges.items():
        found = statements.get(edge.statement)
        if found is None or found.state == knowledge.MERGED or name not in found.edges:
            yield Finding("knowledge", f"knowledge_edge {name}", f"is not counted in its statement {edge.statement}")
    for entity in sorted(counted.keys() | tables[knowledge.KNOWLEDGE].keys()):
        stands = tables[knowledge.KNOWLEDGE].get(entity, knowledge.EntityKnowledge(entity))
        for figure in knowledge.EntityKnowledge._fields[1:-1]:
            if getattr(stands, figure) != counted[entity][figure]:
                problem = f"has {figure} of {getattr(stands, figure)}, by its rows {counted[entity][figure]}"
                yield Finding("knowledge", f"knowledge_of_entity {entity}", problem)


def check_proposals(tables: Tables) -> Iterator[Finding]:
    """The votes that a proposal shows are the rows of its votes, only seats vote, and what was enacted was granted, to
    the part and once."""
    votes: defaultdict[str, list[proposals.Ballot]] = defaultdict(list)
    for vote in tables[proposals.BALLOTS].values():
        votes[vote.proposal].append(vote)
    granted: Counter[tuple[str | None, str]] = Counter()
    for allocation in tables[resource_allocator.ALLOCATIONS].values():
        if allocation.sort == "grant":
            granted[allocation.note, allocation.unit] += allocation.amount
    for name, proposal in tables[proposals.PROPOSALS].items():
        row = f"allocation_proposals {name}"
        if sorted(votes.pop(name, []), key=lambda vote: vote.voter) != list(proposal.votes):
            yield Finding("proposals", row, "shows other votes than its rows of votes")
        if any(vote.counts and vote.voter not in proposal.reviewers for vote in proposal.votes):
            yield Finding("proposals", row, "counts the vote of somebody who has no seat")
        for unit, amount in proposal.requested:
            paid = granted[f"proposal {name}", unit]
            if paid != (amount if proposal.state == "enacted" else 0):
                yield Finding("proposals", row, f"is {proposal.state} and asked for {amount} {unit}; granted {paid}")
    for name in votes:
        yield Finding("proposals", f"proposal_vote {name}", "is a vote on a proposal that is not there")


def check_scores(tables: Tables) -> Iterator[Finding]:
    """A score counts no more signals than there are, is unknown where a component is, and lies between its bounds."""
    recorded: Counter[Any] = Counter(signal.entity for signal in tables[scores.SIGNALS].values())
    for entity, score in tables[scores.SCORES].items():
        row = f"allocation_score {entity}"
        if score.signals > recorded[entity]:
            yield Finding("scores", row, f"counts {score.signals} signals and there are {recorded[entity]}")
        components = (score.evidence, score.novelty, score.alignment, score.interest)
        if (score.score is None) != (None in components):
            yield Finding("scores", row, f"is {score.score} with the components {components}")
        if not score.low <= (score.low if score.score is None else score.score) <= score.high:
            yield Finding("scores", row, f"is {score.score}, not between {score.low} and {score.high}")


def check_usage(tx: Tx) -> Iterator[Finding]:
    """The sums by the hour are those of the rows, and rows taken in in bulk are those of the journal's fingerprints.

    The rows are read as a stream: there may be more of them than the memory holds.
    """
    for line in chain(check_rollups(tx), check_intakes(tx)):
        yield _finding("usage", line)


def check_decisions(tx: Tx, tables: Tables) -> Iterator[Finding]:
    """What every review decided is what the journal has the fingerprint of, and follows from what it knew."""
    policies = {version: row.policy for version, row in tables[POLICIES].items() if isinstance(row, PolicyRow)}
    for line in reviews.check_reviews(tx, policies):
        yield _finding("reviews", line)


def check_queue(tables: Tables) -> Iterator[Finding]:
    """Items, the claims to them and what is known of work on each entity agree."""
    for line in work.check_work(tables[work.ITEMS], tables[work.CLAIMS], tables[work.ARMS]):
        yield _finding("work", line)


def check_sealed(tx: Tx) -> Iterator[Finding]:
    """The hash chain holds and every sealed row is as it was sealed."""
    for line in check_chain(tx):
        yield _finding("chain", line)


def _finding(check: str, line: str) -> Finding:
    row, _, problem = line.partition(": ")
    return Finding(check, row, problem)


def replay_journal(tx: Tx, world: World, progress: Callable[[int], None]) -> Iterator[Finding]:
    """Every journal row decided again, in order, with the receipts compared.

    What an intake counted stands beside the journal, under its fingerprint: it is entered when its turn comes, so that
    what comes again later is a duplicate here too.
    """
    taken_in: defaultdict[int, list[tuple[EventKey, EventRow]]] = defaultdict(list)
    for event, counted in intake_events(tx):
        taken_in[counted.number].append((event, counted))
    with tx.connection.cursor(name="audit") as cursor:
        cursor.itersize = 5_000
        cursor.execute(_JOURNAL)
        for done, row in enumerate(cursor, start=1):
            entry = Entry(*row)
            problem = world.replay(entry)
            for event, counted in taken_in.get(entry.number, ()):
                # One that an earlier command has counted stays with that one, and the tables differ from it.
                if not world.state.holds(EVENTS, event):
                    world.state.place(EVENTS, event, counted)
            if problem:
                yield Finding("journal", f"journal {entry.number}", problem)
            if done % 1_000 == 0:
                progress(done)


def compare_tables(world: World, tables: Tables) -> Iterator[Finding]:
    """Every row of every table against the world that the journal gives."""
    for table in TABLES:
        expected, found = world.state.rows(table), tables[table]
        for key in sorted(expected.keys() | found.keys()):
            row = f"{table.name} {name_of(key)}"
            if key not in found:
                yield Finding("tables", row, "is missing; the journal made it")
            elif key not in expected:
                yield Finding("tables", row, "is there, and no journal row made it")
            elif found[key] != expected[key]:
                yield Finding("tables", row, _difference(found[key], expected[key]))


def name_of(key: Any) -> str:
    """A row's key as people write it."""
    if isinstance(key, AccountKey):
        return str(key)
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _difference(found: Any, expected: Any) -> str:
    mine, theirs = _facts(found), _facts(expected)
    changed = [
        f"{name} is {mine.get(name)!s:.80}, the journal says {theirs.get(name)!s:.80}"
        for name in dict.fromkeys([*mine, *theirs])
        if mine.get(name) != theirs.get(name)
    ]
    return "; ".join(changed)


def _facts(row: Any) -> dict[str, Any]:
    """A row's fields by name, those of a policy one by one."""
    if isinstance(row, BaseModel):
        return dict(row)
    if isinstance(row, dict):
        return row
    facts = row._asdict() if hasattr(row, "_asdict") else {"value": row}
    return facts | _facts(facts.pop("policy")) if isinstance(facts.get("policy"), BaseModel) else facts
