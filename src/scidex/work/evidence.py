"""What the rows of work say about each other, for whoever checks them: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from scidex.entities import EntityKey
from scidex.work.model import CLAIMED, EXPIRED, FAILED, FINISHED, HELD, LATE, OPEN, WorkArm, WorkClaim, WorkItem


def check_work(
    items: Mapping[str, WorkItem], claims: Mapping[str, WorkClaim], arms: Mapping[EntityKey, WorkArm]
) -> Iterator[str]:
    """Each `row: problem`: an item is held by one claim or by none, as both say; what is known of an entity is what
    its items and claims come to; nothing that waits was opened before its time."""
    held: Counter[str] = Counter()
    pulls: Counter[EntityKey] = Counter()
    rewards: Counter[EntityKey] = Counter()
    for name, claim in claims.items():
        item = items.get(claim.item)
        if item is None or item.entity != claim.entity:
            yield f"work_claim {name}: is to {claim.item}, which is not there, or of another entity"
        elif claim.state == HELD and (item.state, item.claim) != (CLAIMED, name):
            yield f"work_claim {name}: holds {claim.item}, which is {item.state} by {item.claim}"
        held[claim.item] += claim.state == HELD
        pulls[claim.entity] += claim.state in (FINISHED, FAILED, EXPIRED, LATE)
        rewards[claim.entity] += claim.reward or 0
    open_items: Counter[EntityKey] = Counter()
    for name, item in items.items():
        open_items[item.entity] += item.state == OPEN
        if held[name] != (item.state == CLAIMED):
            yield f"work_item {name}: is {item.state} and {held[name]} claims hold it"
        if item.state in (OPEN, CLAIMED) and any(items[each].state != FINISHED for each in item.after):
            yield f"work_item {name}: is {item.state} before what it waits for is finished"
    for entity in sorted(arms.keys() | open_items.keys() | pulls.keys()):
        arm = arms.get(entity, WorkArm(entity))
        found = WorkArm(entity, pulls[entity], rewards[entity], open_items[entity])
        if arm != found:
            yield f"work_arm {entity}: has {tuple(arm[1:])}, by its items and claims {tuple(found[1:])}"
