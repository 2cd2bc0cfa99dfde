"""A slice is entered through its front door, which names all it offers; behind it are the same five files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import SLICES, Import, Module, Tree, exported, plant, slice_of

FIVE_FILES = {"__init__", "model", "rules", "store", "actions"}
MORE_FILES = {
    # The fields of the policy, topic by topic; `Policy` is all of them.
    "scidex.policy": {
        "allocation",
        "trading",
        "bounty",
        "reward",
        "admission",
        "attribution",
        "ballot",
        "scoring",
        "review",
        "doors",
        "labour",
    },
    # lmsr, the curve: numerics alone, public, because prices are compared with it; fills: what an order does to a market
    # and a position, which quotes, orders and rehearsals share. exact and maker: the curve's arithmetic in many digits;
    # book, an order's way past resting orders and maker; resting, trading, limits: the rules of orders; depth, how the
    # liquidity changes; refusals.
    "scidex.exchange.markets": {
        *("lmsr", "fills", "exact", "maker", "book", "resting", "trading", "limits", "depth", "refusals"),
    },
    # evidence, what a settlement may stand on; refusals beside the model; standing, what holds now and who may judge it,
    # which every rule asks first; payouts, where the tokens go.
    "scidex.exchange.settlement": {"evidence", "refusals", "standing", "payouts"},
    # tiers, what a model's tier is; pricebook, the only one that knows the price package; intake, many lines by column;
    # evidence, what its rows come to, for whoever checks them.
    "scidex.metering": {"tiers", "pricebook", "intake", "evidence"},
    # refusals beside the model; work, how a bounty is worked for; draws, how compute draws on it.
    "scidex.exchange.bounties": {"refusals", "work", "draws"},
    "scidex.exchange.resource_allocator": {"allocation"},  # sharing a pool: an algorithm of its own
    # refusals beside the model; curation, what reviewers do with what was submitted.
    "scidex.atlas.knowledge": {"refusals", "curation"},
    # planning, what a review decides, on arrays; evidence, the decisions as rows beside the journal; effects, what
    # they change, set-based; gathering, what it knows, out of the tables of other slices.
    "scidex.senate.reviews": {"planning", "evidence", "effects", "gathering"},
    # The slice has many words and rules: refusals beside the model; admission, limits and grants beside the rules of
    # settling; intake, what comes in bulk; kinds, what each command touches, beside the actions.
    "scidex.senate.budgets": {"refusals", "admission", "limits", "grants", "intake", "kinds"},
    "scidex.senate.scores": {"components"},  # how signals become components: formulas alone, with all they are made of
    # refusals beside the model; evidence, what a proposal may stand on; ballots, who votes and what the votes come to;
    # changes, of fields of the policy; outcomes, what follows from a decision; preview, which reads who would lose.
    "scidex.senate.proposals": {"refusals", "evidence", "ballots", "changes", "outcomes", "preview"},
    # refusals beside the model; items, how work comes and goes without a result; choosing, the formulas of what is next;
    # board, which chooses by them; kinds, what each command touches; evidence, what the rows say about each other.
    "scidex.work": {"refusals", "items", "choosing", "board", "kinds", "evidence"},
}
SLICES_OF_FIVE = tuple(
    name
    for name in SLICES
    if name.split(".")[1]
    in ("policy", "actors", "keys", "entities", "ledger", "metering", "exchange", "atlas", "senate", "work", "insight")
)


def check_entrances(tree: Tree) -> list[str]:
    """From outside a slice only names in its `__all__` are imported, and from the package itself."""
    return [
        module.at(found.line, problem)
        for module in tree.values()
        for found in module.imports()
        if (problem := _entrance(tree, module, found))
    ]


def _entrance(tree: Tree, module: Module, found: Import) -> str | None:
    entered = slice_of(found.module)
    if entered is None or entered == slice_of(module.name):
        return None
    if found.module != entered:
        return f"enters {entered} by {found.module}"
    if found.name is None:
        return None
    if found.name not in (exported(tree[entered]) or []):
        return f"takes {found.name} from {entered}, which does not offer it"
    return None


def check_doors(tree: Tree) -> list[str]:
    """`__all__` has every name that `__init__` imports from its own slice, none that is not there, in ruff's order."""
    return [offence for name in SLICES if name in tree for offence in _door(tree[name])]


def _door(module: Module) -> Iterator[str]:
    offered = exported(module)
    imported = {found.name for found in module.imports() if found.name and slice_of(found.module) == module.name}
    if offered is None:
        if imported:
            yield module.at(1, "has no __all__")
        return
    for name in sorted(imported - set(offered)):
        yield module.at(1, f"imports {name} and does not offer it")
    for name in sorted(set(offered) - imported - _defined(module)):
        yield module.at(1, f"offers {name}, which is not there")
    if offered != sorted(set(offered), key=_ruff_order):
        yield module.at(1, "__all__ is not sorted: constants, classes, functions, each by name")


def _defined(module: Module) -> set[str]:
    names: set[str] = {found.name or found.module for found in module.imports()}
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def _ruff_order(name: str) -> tuple[int, list[str | int]]:
    group = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return group, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def check_files(tree: Tree) -> list[str]:
    """Each domain slice has exactly the five files, and one more where the list above says why."""
    offences = []
    for name in SLICES_OF_FIVE:
        wanted = FIVE_FILES | MORE_FILES.get(name, set())
        found = {module.path.stem for module in tree.values() if slice_of(module.name) == name}
        offences += [f"{name}: has no {file}.py" for file in sorted(wanted - found)]
        offences += [f"{name}: {file}.py is none of the five files" for file in sorted(found - wanted)]
    return offences


def test_slices_are_entered_through_their_front_doors(house: Tree) -> None:
    assert check_entrances(house) == []


def test_front_doors_name_all_they_offer(house: Tree) -> None:
    assert check_doors(house) == []


def test_every_slice_has_the_same_five_files(house: Tree) -> None:
    assert check_files(house) == []


def test_a_way_round_the_front_door_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger="from scidex.ledger.rules import move\n__all__ = ['move']\n",
        ledger__rules="from scidex.ledger.model import Account\n",
        exchange__markets="from scidex.exchange.markets import lmsr\n__all__ = ['lmsr']\n",
        economy="""
            from scidex.ledger import move, rules
            from scidex.ledger.rules import move
            from scidex.exchange.markets import lmsr
            import scidex.exchange.markets.lmsr
            def later():
                from .ledger import store
            """,
    )
    assert check_entrances(tree) == [
        "scidex.economy:2: takes rules from scidex.ledger, which does not offer it",
        "scidex.economy:3: enters scidex.ledger by scidex.ledger.rules",
        "scidex.economy:5: enters scidex.exchange.markets by scidex.exchange.markets.lmsr",
        "scidex.economy:7: takes store from scidex.ledger, which does not offer it",
    ]


def test_a_front_door_that_hides_or_invents_a_name_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger="from scidex.ledger.rules import ACCOUNTS, hold, move\n__all__ = ['move', 'ACCOUNTS', 'ghost']\n",
        policy="from scidex.policy.model import Policy\n",
    )
    assert check_doors(tree) == [
        "scidex.policy:1: has no __all__",
        "scidex.ledger:1: imports hold and does not offer it",
        "scidex.ledger:1: offers ghost, which is not there",
        "scidex.ledger:1: __all__ is not sorted: constants, classes, functions, each by name",
    ]


def test_a_sixth_file_and_a_missing_one_are_caught(tmp_path: Path) -> None:
    tree = plant(tmp_path, **{f"ledger__{file}": "" for file in ("model", "rules", "store", "utils")}, ledger="")
    offences = [offence for offence in check_files(tree) if offence.startswith("scidex.ledger")]
    assert offences == ["scidex.ledger: has no actions.py", "scidex.ledger: utils.py is none of the five files"]
