"""The board: which entities have work, in what order, and for each claim the item that it gets.

The order is computed out of the tables and kept for a second in each process; what is next of an entity is read anew
for every batch. What a claim was chosen by is stored with it, so nothing depends on the order being the newest.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heapify, heappop, heapreplace
from threading import Lock
from typing import NamedTuple

from scidex.core.db import Tx
from scidex.core.journal import Request
from scidex.core.names import NameInvalid, check_name
from scidex.core.units import TOKEN, UNITS
from scidex.entities import EntityKey
from scidex.metering import UnknownModel
from scidex.policy import Policy, current
from scidex.senate.budgets import Amounts, to_reserve
from scidex.work.choosing import Figures, Ranked, ageing_of, random_place, ranking_of
from scidex.work.model import DRAW_ONE, KINDS_MAX, Choice, ClaimWork
from scidex.work.store import WINDOW, Candidate, Heading, find_candidates, find_headings, lock_items

Kinds = tuple[str, ...]
_FRESH_S = 1.0
"""How long an order serves before it is computed anew."""
_ASIDE_S = 5.0
"""How long an actor is not given what he was refused, or, if there is anything else, what he gave back."""
CAPPED_S = 60.0
"""How long an actor is given no work on an entity whose caps have refused him."""
_KEPT = 64
"""How many orders are kept, one for each combination of kinds that is asked for."""
_SPARE, _SPARE_WIDE = 32, 4000
"""Items looked at beyond those needed, at first and if that was not enough: others may be taking the same."""
_EACH = 4
"""How many items of an entity are looked at for a batch, where there are entities enough."""


class _Chosen(NamedTuple):
    """Which request gets which item, with the entity's place in the order and whether it is the best."""

    place: int
    candidate: Candidate
    first: bool


@dataclass
class _Order:
    """Entities that have work of some kinds, the best first, as they were at a time."""

    at: float
    ranked: list[Ranked]


@dataclass
class Board:
    """Chooses items for claims; one for a process, whose threads may share it. `dice` draws the random sleeve."""

    dice: random.Random = field(default_factory=random.SystemRandom)
    _orders: dict[Kinds, _Order] = field(default_factory=dict)
    _aside: dict[tuple[str, EntityKey | str], float] = field(default_factory=dict)
    _returned: dict[tuple[str, str], float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def assign(self, tx: Tx, requests: Sequence[Request]) -> list[Request]:
        """The requests, those for work with the item that each may have; its row is locked."""
        found = list(requests)
        by_kinds: dict[Kinds, list[int]] = {}
        for place, request in enumerate(requests):
            command = request.command
            if isinstance(command, ClaimWork) and command.choice is None and _may_ask(command.kinds):
                kinds = tuple(sorted(set(command.kinds)))
                by_kinds.setdefault(kinds, []).append(place)
        taken: set[str] = set()
        for kinds, places in by_kinds.items():
            actors = [requests[place].actor for place in places]
            for place, choice in zip(places, self._choose(tx, kinds, actors, taken), strict=True):
                command = requests[place].command
                if choice is not None and isinstance(command, ClaimWork):
                    taken.add(choice.item)
                    found[place] = requests[place]._replace(command=replace(command, choice=choice))
        return found

    def set_aside(self, actor: str, refused: EntityKey | str, *, seconds: float = _ASIDE_S) -> None:
        """Do not give an actor this item, or any of this entity, for a moment."""
        now = time.monotonic()
        with self._lock:
            self._aside = {key: until for key, until in self._aside.items() if until > now}
            self._aside[actor, refused] = now + seconds

    def note_return(self, actor: str, item: str) -> None:
        """For a moment, give an actor what he gave back only if there is nothing else for him."""
        now = time.monotonic()
        with self._lock:
            self._returned = {key: until for key, until in self._returned.items() if until > now}
            self._returned[actor, item] = now + _ASIDE_S

    def _choose(self, tx: Tx, kinds: Kinds, actors: Sequence[str], others: Set[str]) -> list[Choice | None]:
        """A choice for each of the actors, as far as there is work that others of the batch have not; a stale order is
        not taken to say that there is none."""
        policy, _ = current(tx)
        order, fresh = self._order(tx, kinds, policy)
        chosen = self._pick(tx, kinds, actors, order, policy, others)
        if None in chosen and not (fresh and not order):
            missing = [place for place, choice in enumerate(chosen) if choice is None]
            if not fresh:
                order, _ = self._order(tx, kinds, policy, renew=True)
            taken = others | {choice.item for choice in chosen if choice is not None}
            more = self._pick(tx, kinds, [actors[place] for place in missing], order, policy, taken, wide=True)
            for place, choice in zip(missing, more, strict=True):
                chosen[place] = choice
        return chosen

    def _order(self, tx: Tx, kinds: Kinds, policy: Policy, *, renew: bool = False) -> tuple[list[Ranked], bool]:
        """Entities with work of these kinds, the best first, and whether that was computed just now."""
        now = time.monotonic()
        with self._lock:
            kept = self._orders.get(kinds)
        if kept is not None and not renew and now - kept.at < _FRESH_S:
            return kept.ranked, False
        figures = [_figures(each, policy) for each in find_headings(tx, kinds)]
        order = _Order(now, ranking_of(figures, tx.now, policy))
        with self._lock:
            if len(self._orders) >= _KEPT:
                self._orders.clear()
            self._orders[kinds] = order
        return order.ranked, True

    def _pick(
        self,
        tx: Tx,
        kinds: Kinds,
        actors: Sequence[str],
        order: Sequence[Ranked],
        policy: Policy,
        taken: Collection[str] = (),
        *,
        wide: bool = False,
    ) -> list[Choice | None]:
        """A choice for each actor out of the best of the order, or, `wide`, out of all of it."""
        if not order:
            return [None] * len(actors)
        with self._lock:
            aside = {key for key, until in self._aside.items() if until > time.monotonic()}
            returned = {key for key, until in self._returned.items() if until > time.monotonic()}
        draws = [self.dice.randrange(DRAW_ONE) for _ in actors]
        drawn = [random_place(draw, len(order), policy) for draw in draws]
        # Twice as many items as are needed, and of one entity no more than its part of them.
        wanted_items = 2 * len(actors) + (_SPARE_WIDE if wide else _SPARE)
        each = max(_EACH, -(-wanted_items // len(order)))
        # What is set aside may be what is first, so one looks further by as much.
        far = -(-wanted_items // each) + len({what for _, what in aside if isinstance(what, EntityKey)})
        near = order if wide else order[:far]
        entities = {one.entity: one for one in (*near, *(order[place] for place in drawn if place is not None))}
        each += min(WINDOW, len({what for _, what in aside | returned if isinstance(what, str)}))
        stock = _Stock(tx, find_candidates(tx, entities, kinds, each=each), entities, policy, taken)
        chosen: list[_Chosen] = []
        for place, actor in enumerate(actors):
            wanted = None if drawn[place] is None else order[drawn[place] or 0].entity
            without = {refused for who, refused in aside if who == actor}
            gave_back = {item for who, item in returned if who == actor}
            got = stock.take(wanted, without | gave_back)
            if got is None and gave_back:
                got = stock.take(wanted, without)
            if got is not None:
                chosen.append(_Chosen(place, *got))
        return self._locked(tx, chosen, stock, entities, len(order), draws, policy)

    def _locked(
        self,
        tx: Tx,
        chosen: Sequence[_Chosen],
        stock: _Stock,
        entities: dict[EntityKey, Ranked],
        rivals: int,
        draws: Sequence[int],
        policy: Policy,
    ) -> list[Choice | None]:
        """The choices whose items could be locked; one that another transaction has gets a spare one, if there is."""
        found: list[Choice | None] = [None] * len(draws)
        if not chosen:
            return found
        spares = stock.rest()
        names = [each.candidate.item for each in chosen] + [candidate.item for candidate in spares]
        locked = lock_items(tx, names, most=len(chosen))
        left = deque(candidate for candidate in spares if candidate.item in locked)
        for each in chosen:
            candidate, first = each.candidate, each.first
            if candidate.item not in locked:
                if not left:
                    continue
                candidate, first = left.popleft(), True
            terms = entities[candidate.entity].terms._replace(rivals=rivals, first=first, draw=draws[each.place])
            found[each.place] = Choice(candidate.item, terms, _bound(tx, candidate))
        return found


class _Stock:
    """The items that may be had, entity by entity, the best next; and what the budgets have left for them."""

    def __init__(
        self,
        tx: Tx,
        candidates: Iterable[Candidate],
        ranked: dict[EntityKey, Ranked],
        policy: Policy,
        taken: Collection[str],
    ) -> None:
        self._queues: dict[EntityKey, deque[Candidate]] = {}
        self._left: dict[tuple[EntityKey, str], int] = {}
        for each in candidates:
            if each.item not in taken:
                self._queues.setdefault(each.entity, deque()).append(each)
                for (unit, _), available in zip(each.amounts, each.available, strict=True):
                    self._left[each.entity, unit] = available
        self._scores = {entity: each.score for entity, each in ranked.items()}
        self._age = partial(ageing_of, now=tx.now, policy=policy)
        self._heap = [(self._key(entity), entity) for entity, queue in self._queues.items()]
        heapify(self._heap)

    def take(self, wanted: EntityKey | None, without: Set[EntityKey | str]) -> tuple[Candidate, bool] | None:
        """The next item of the entity that was drawn, or of the best one, and whether its entity is the best."""
        put_back = []
        best: EntityKey | None = None
        while self._heap:
            key, entity = self._heap[0]
            if not self._fitting(entity):
                heappop(self._heap)
            elif self._place(entity, without) is None:
                put_back.append(heappop(self._heap))
            elif key != (now := self._key(entity)):
                heapreplace(self._heap, (now, entity))
            else:
                best = entity
                break
        for each in put_back:
            self._heap.append(each)
        if put_back:
            heapify(self._heap)
        for chosen in (wanted, best):
            place = None if chosen is None else self._place(chosen, without)
            if chosen is not None and place is not None:
                return self._give(chosen, place), chosen == best
        return None

    def rest(self) -> list[Candidate]:
        """Items that nobody has been given, the best first, as spares."""
        found = []
        while (got := self.take(None, frozenset())) is not None:
            found.append(got[0])
        return found

    def _key(self, entity: EntityKey) -> int:
        return -self._scores[entity] - self._age(self._queues[entity][0].since)

    def _fitting(self, entity: EntityKey) -> bool:
        """Whether the entity has an item that its budget can still hold; those that it cannot are left out."""
        queue = self._queues.get(entity, ())
        while queue and not self._holds(queue[0]):
            queue.popleft()
        return bool(queue)

    def _holds(self, item: Candidate) -> bool:
        return all(amount <= self._left[item.entity, unit] for unit, amount in item.amounts)

    def _place(self, entity: EntityKey, without: Set[EntityKey | str]) -> int | None:
        """Where in the entity's line the first item is that may be had by whom these are kept from."""
        if entity in without:
            return None
        line = enumerate(self._queues.get(entity, ()))
        return next((place for place, each in line if each.item not in without and self._holds(each)), None)

    def _give(self, entity: EntityKey, place: int) -> Candidate:
        given = self._queues[entity][place]
        del self._queues[entity][place]
        for unit, amount in given.amounts:
            self._left[entity, unit] -= amount
        return given


def _may_ask(kinds: Kinds) -> bool:
    """Whether there is anything to look for; if not, the rule says why."""
    try:
        for kind in kinds:
            check_name(kind, "kind")
    except NameInvalid:
        return False
    return len(kinds) <= KINDS_MAX


def asks_for_work(request: Request) -> bool:
    """Whether this is a claim whose item is yet to be chosen."""
    return type(request.command) is ClaimWork and request.command.choice is None


def _figures(found: Heading, policy: Policy) -> Figures:
    return Figures(found.entity, found.pulls, found.rewards, _worth(found.granted, policy), found.since)


def _worth(granted: Amounts, policy: Policy) -> int:
    """What a budget is worth in parts of a token, at the policy's exchange rates; dollars bound the same and do not
    count besides."""
    worth = 0
    for unit, amount in granted:
        rate = policy.units_per_token.get(unit)
        if rate:
            worth += int(amount * TOKEN.parts / (UNITS[unit].parts * rate))
    return worth


def _bound(tx: Tx, candidate: Candidate) -> int | None:
    """The most that the item may cost by the prices of now."""
    if candidate.model is None:
        return None
    try:
        command = to_reserve(
            tx,
            entity=candidate.entity,
            amounts=dict(candidate.amounts),
            model=candidate.model,
            provider=candidate.provider,
            max_output_tokens=candidate.max_output_tokens,
        )
    except UnknownModel:
        # It was known when the item was added; the rule refuses it for this claim, and not for the whole batch.
        return None
    return command.bound
