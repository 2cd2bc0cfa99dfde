"""Whatever is submitted, confirmed, merged, split and retracted in whatever order: each edge counts once, in shares.

What a statement should count, and for whom, is worked out here a second time, from the list of what was accepted.
"""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier

import pytest
from tests.lab.test_oracle import Pair

from scidex.actors import RegisterActor
from scidex.atlas import knowledge
from scidex.atlas.knowledge import (
    MergeEdges,
    NewEdge,
    ReinstateEdge,
    RetractEdge,
    SplitEdge,
    SubmitKnowledge,
    Verdict,
)
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.machine import State
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.lab import World, audit, first_world
from scidex.lab.audit import check_knowledge, compare_tables, read_tables
from scidex.policy import HOUSE

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
ENTITIES = [EntityKey("gap", name) for name in "xyz"]
OWNERS = {"alice": "alice", "bot": "alice", "bob": "bob", "carol": "carol", "dora": "dora"}
TEXTS = [f"edge {n}" for n in range(7)]
NAMES = {knowledge.edge_id(text, "is", "so"): text for text in TEXTS}
OPENING = [
    *(Request(RegisterActor(name), "operator") for name in ("alice", "bob", "carol", "dora")),
    Request(RegisterActor("bot", owner="alice"), "operator"),
    Request(RegisterActor("rita", "person", ("reviewer",)), "operator"),
    *(Request(RegisterEntity(*entity, "title"), "operator") for entity in ENTITIES),
]


class Model:
    """Statements as sets of edges; who brought which edge in which order, and what was withdrawn."""

    def __init__(self) -> None:
        self.groups: dict[str, set[str]] = {}
        self.under: dict[str, tuple[str, set[str]]] = {}
        self.fallen: set[str] = set()
        self.brought: list[tuple[str, str, EntityKey, str | None]] = []
        self.withdrawn: set[tuple[str, str]] = set()

    def root_of(self, edge: str) -> str:
        return next(root for root, members in self.groups.items() if edge in members)

    def live(self, root: str) -> list[tuple[str, str, EntityKey, str | None]]:
        return [row for row in self.brought if row[0] in self.groups[root] and row[:2] not in self.withdrawn]

    def submit(self, edge: str, owner: str, entity: EntityKey, work: str | None) -> None:
        if not any(edge in members for members in self.groups.values()):
            self.groups[edge] = {edge}
        root = self.root_of(edge)
        known = any(row[1] == owner and row[0] in self.groups[root] for row in self.brought)
        if root not in self.fallen and not known:
            self.brought.append((edge, owner, entity, work))

    def retract(self, edge: str, owner: str) -> None:
        root = self.root_of(edge)
        live = self.live(root)
        if root not in self.fallen and {row[1] for row in live} == {owner}:
            self.withdrawn |= {row[:2] for row in live}
        else:
            self.fallen.add(root)

    def merge(self, edge: str, other: str) -> None:
        gone, root = self.root_of(edge), self.root_of(other)
        self.under[gone] = (root, self.groups.pop(gone))
        self.groups[root] = self.groups[root] | self.under[gone][1]

    def split(self, edge: str) -> None:
        root, members = self.under.pop(edge)
        self.groups[root] -= members
        self.groups[edge] = members

    def gains(self) -> Counter[tuple[EntityKey, str | None]]:
        """Parts by entity and work item."""
        found: Counter[tuple[EntityKey, str | None]] = Counter()
        for root in self.groups.keys() - self.fallen:
            owners: dict[str, tuple[EntityKey, str | None]] = {}
            for _, owner, entity, work in self.live(root):
                owners.setdefault(owner, (entity, work))
            for place, part in enumerate(owners.values()):
                rest = len(owners) - 1
                alone = 1_000_000 if not rest else 700_000
                found[part] += alone if place == 0 else 300_000 // rest + (place <= 300_000 % rest)
        return found

    def standing(self) -> int:
        """How many statements there are that anybody brought and nobody took back: what was learned."""
        return sum(bool(self.live(root)) for root in self.groups.keys() - self.fallen)


def a_step(die: random.Random, members: dict[str, tuple[str, ...]], own: dict[str, tuple[str, ...]]) -> Request:
    """A command by chance; reviewers mostly do what reviewers may."""
    edge, other = die.choice(list(NAMES)), die.choice(list(NAMES))
    sort = die.choice(("submit",) * 5 + ("retract", "reinstate", "merge", "split") * 2 + ("audit",))
    by = die.choice(list(OWNERS))
    if sort == "submit":
        edges = tuple(NewEdge(die.choice((text, text.upper())), "is", "so", "s") for text in die.sample(TEXTS, 2))
        return Request(SubmitKnowledge(die.choice(ENTITIES), edges, (), die.choice((None, "w1", "w2"))), by)
    if sort == "retract":
        return Request(RetractEdge(edge, "r"), die.choice((by, by, "rita")))
    reviews: dict[str, object] = {
        "reinstate": ReinstateEdge(edge, "r"),
        "merge": MergeEdges(edge, other, "n", members.get(edge, ())),
        "split": SplitEdge(edge, "n", own.get(edge, ())),
        "audit": knowledge.AuditEdges((Verdict(edge, die.random() < 0.5),), "n"),
    }
    return Request(reviews[sort], die.choice(("rita", "rita", "rita", by)))


def follow(model: Model, command: object, actor: str) -> None:
    """Do in the model what was accepted."""
    owner = OWNERS.get(actor, actor)
    if isinstance(command, SubmitKnowledge):
        for each in command.edges:
            model.submit(knowledge.edge_id(*each[:3]), owner, command.entity, command.work_item)
    elif isinstance(command, RetractEdge):
        model.retract(command.edge, owner)
    elif isinstance(command, ReinstateEdge):
        model.fallen.discard(model.root_of(command.edge))
    elif isinstance(command, MergeEdges):
        model.merge(command.edge, command.same_as)
    elif isinstance(command, SplitEdge):
        model.split(command.edge)


def members_in(state: State) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """What the actions would gather: with which edges each is counted, and which it had brought along."""
    statements = state.rows(knowledge.STATEMENTS)
    own = {name: statement.edges for name, statement in statements.items()}
    return {name: statements[edge.statement].edges for name, edge in state.rows(knowledge.EDGES).items()}, own


def check(world: World, model: Model) -> None:
    """The shares are those of the model, and their sum is what was learned: never more, never less."""
    found: Counter[tuple[EntityKey, str | None]] = Counter()
    for each in world.state.rows(knowledge.SUBMISSIONS).values():
        found[each.entity, each.work_item] += each.parts
    assert +found == +model.gains()
    assert found.total() == 1_000_000 * model.standing()
    roots = [row for row in world.state.rows(knowledge.STATEMENTS).values() if row.state == "standing"]
    assert len(roots) == model.standing()
    by_entity = {entity: row.edges_gained for entity, row in world.state.rows(knowledge.KNOWLEDGE).items()}
    assert sum(by_entity.values()) == found.total()


def test_a_thousand_interleavings_in_memory_attribute_exactly_what_was_learned():
    accepted: Counter[str] = Counter()
    for seed in range(1_000):
        die, model, world = random.Random(seed), Model(), first_world(DAWN)
        world.apply(RegisterActor("operator", "person", ("operator",)), actor=HOUSE, now=DAWN)
        for request in OPENING:
            world.apply(request.command, actor=request.actor, now=DAWN)
        for _ in range(40):
            request = a_step(die, *members_in(world.state))
            before = {table: dict(world.state.rows(table)) for table in (knowledge.SUBMISSIONS, knowledge.KNOWLEDGE)}
            try:
                world.apply(request.command, actor=request.actor, now=DAWN)
            except Refusal:
                assert all(world.state.rows(table) == rows for table, rows in before.items())
                continue
            accepted[type(request.command).__name__] += 1
            follow(model, request.command, request.actor)
            check(world, model)
        tables = {table: world.state.rows(table) for table in (
            knowledge.EDGES, knowledge.STATEMENTS, knowledge.SUBMISSIONS, knowledge.JUDGEMENTS, knowledge.GAINS,
            knowledge.KNOWLEDGE,
        )}  # fmt: skip
        assert list(check_knowledge(tables)) == []
    assert min(accepted.values()) > 300 and len(accepted) == 6, accepted


@pytest.mark.parametrize("seed", range(12))
def test_over_postgresql_batches_give_the_same(tx, seed):
    """Whole batches at a time, so that merges and splits meet what came before them in the same transaction."""
    die, model, pair = random.Random(seed), Model(), Pair(tx)
    pair.play(OPENING)
    for _ in range(25):
        gathered = members_in(pair.world.state)
        batch = [a_step(die, *gathered) for _ in range(die.randint(1, 6))]
        for request, answer in zip(batch, pair.play(batch), strict=True):
            if not isinstance(answer, Refusal):
                follow(model, request.command, request.actor)
        check(pair.world, model)
    assert list(compare_tables(pair.world, read_tables(tx))) == []
    report = audit(tx)
    assert report.ok, report.findings


def test_two_processes_at_once_attribute_exactly_what_was_learned(new_database, clock):
    settings = Settings(home=Path("/nonexistent"), database_url=new_database())
    with Economy.open(settings, clock=clock) as first, Economy.open(settings, clock=clock) as second:
        first.perform_all(OPENING)
        barrier = Barrier(2)

        def work(economy: Economy, seed: int) -> Counter[str]:
            die, told = random.Random(seed), Counter[str]()
            for _ in range(60):
                with economy.reading() as tx:
                    members = {name: knowledge.find_members(tx, name, own=False) for name in NAMES}
                    own = {name: knowledge.find_members(tx, name, own=True) for name in NAMES}
                requests = [a_step(die, members, own) for _ in range(3)]
                barrier.wait(60)
                for answer in economy.perform(requests):
                    told[answer.code if isinstance(answer, Refusal) else answer.kind] += 1
            return told

        with ThreadPoolExecutor(2) as pool:
            told = sum(pool.map(work, (first, second), (1, 2)), Counter[str]())
        with first.reading() as tx:
            report = audit(tx)
            tables = read_tables(tx)
    assert report.ok, report.findings
    standing = sum(row.state == "standing" for row in tables[knowledge.STATEMENTS].values())
    assert sum(row.parts for row in tables[knowledge.SUBMISSIONS].values()) == 1_000_000 * standing
    assert "contended" not in told and told["knowledge.submit"] > 100, told
    assert {"knowledge.merge", "knowledge.split", "knowledge.retract"} <= told.keys()
