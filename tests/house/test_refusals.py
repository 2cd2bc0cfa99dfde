"""Every answer of no: a family, a message that can be formatted and says what to do, and its place in `Refuses:`."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter
from types import new_class
from typing import NamedTuple

from tests.house.source import Function, Module, Tree, called_name, plant

from scidex.core.errors import FAMILIES, Refusal
from scidex.core.machine import KINDS


class Definition(NamedTuple):
    """A refusal class where it is defined."""

    module: Module
    node: ast.ClassDef

    @property
    def message(self) -> str:
        """Its docstring on one line, as `Refusal` makes it."""
        return " ".join((ast.get_docstring(self.node) or "").split())

    def offence(self, problem: str) -> str:
        """An offence of this class."""
        return self.module.at(self.node.lineno, f"{self.node.name} {problem}")


def refusals_in(tree: Tree) -> list[Definition]:
    """Every class under `Refusal`, except itself and the five families."""
    classes = [
        (module, node) for module in tree.values() for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)
    ]
    known = {"Refusal", *FAMILIES}
    while fresh := {node.name for _, node in classes if _bases(node) & known} - known:
        known |= fresh
    return [Definition(module, node) for module, node in classes if node.name in known - {"Refusal", *FAMILIES}]


def _bases(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).rpartition(".")[2] for base in node.bases}


def check_messages(tree: Tree) -> list[str]:
    """A refusal is of a family, its code is nobody else's, and its message says what to do."""
    offences = []
    codes: dict[str, str] = {}
    for found in refusals_in(tree):
        if "Refusal" in _bases(found.node):
            offences.append(found.offence(f"is of none of the families {', '.join(FAMILIES)}"))
        code = vars(new_class(found.node.name, (Refusal,)))["code"]
        if code in codes:
            offences.append(found.offence(f"has the code {code}, as {codes[code]} has"))
        codes[code] = f"{found.module.name}.{found.node.name}"
        if ";" not in found.message and not re.search(r"[.!?] [A-Z`{]", found.message):
            offences.append(found.offence("does not say what to do: no semicolon, no second sentence"))
    return offences


def check_facts(tree: Tree) -> list[str]:
    """Wherever a refusal is made, it is given exactly the facts that its message names; and each is made somewhere."""
    defined = {found.node.name: found for found in refusals_in(tree)}
    wanted = {name: _placeholders(found.message) for name, found in defined.items()}
    made = set()
    offences = []
    for module in tree.values():
        for node in ast.walk(module.tree):
            name = called_name(node)
            if not isinstance(node, ast.Call) or name not in defined:
                continue
            made.add(name)
            given = {keyword.arg or "**" for keyword in node.keywords} | {"*" for _ in node.args}
            if given != wanted[name]:
                facts = f"{sorted(given)}, its message names {sorted(wanted[name])}"
                offences.append(module.at(node.lineno, f"{name} is given {facts}"))
    return offences + [found.offence("is never raised") for name, found in defined.items() if name not in made]


def _placeholders(message: str) -> set[str]:
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in Formatter().parse(message) if name is not None}


def refuses_of(function: Function) -> set[str]:
    """The names in the docstring's `Refuses: A, B (when so), C.`"""
    doc = ast.get_docstring(function.node) or ""
    listed = re.search(r"\bRefuses\b[^:.]*:(.*?)\.(?:\s|$)", doc, re.DOTALL)
    return set(re.findall(r"\b[A-Z]\w+", listed[1])) if listed else set()


TO_PEOPLE = "scidex.surfaces."
"""Docstrings there are help texts and OpenAPI descriptions, and what is refused there is the actions' list."""
CANNOT_HAPPEN = {
    "expire_hold": {"NotYourHold"},  # anyone may end a hold that is due, so it does not say who asks
    "observe": {"TooManyEvents", "UsageTooLarge"},  # it charges one event at most
}


def check_listed(tree: Tree) -> list[str]:
    """A public function lists what it, or a private function of its module that it calls, raises; and no ghosts."""
    known = {found.node.name for found in refusals_in(tree)}
    offences = []
    for module in tree.values():
        functions = {function.name: function for function in module.functions()}
        for function in functions.values():
            listed = refuses_of(function)
            missing = _raised(function, functions, known) - listed - CANNOT_HAPPEN.get(function.name, set())
            private = any(part.startswith("_") for part in function.name.split("."))
            if missing and not private and not module.name.startswith(TO_PEOPLE):
                offences.append(module.at(function.node.lineno, f"{function.name} also refuses {sorted(missing)}"))
            if ghosts := listed - known:
                offences.append(module.at(function.node.lineno, f"{function.name} lists the unknown {sorted(ghosts)}"))
    return offences


def _raised(
    function: Function, functions: dict[str, Function], known: set[str], seen: frozenset[str] = frozenset()
) -> set[str]:
    """The refusals that this function makes in a raise, and those of the private functions that it calls."""
    seen |= {function.name}
    found: set[str] = set()
    for node in ast.walk(function.node):
        if isinstance(node, ast.Raise) and node.exc is not None:
            maker = functions.get(called_name(node.exc) or "")
            calls = {called_name(inner) for inner in ast.walk(maker.node if maker else node.exc)}
            found |= {name for name in calls if name in known}
        callee = functions.get(called_name(node) or "")
        if callee is not None and callee.name.startswith("_") and callee.name not in seen:
            found |= _raised(callee, functions, known, seen)
    return found


def check_actions(tree: Tree) -> list[str]:
    """An action that performs a command lists all that the command's rule lists, and KeyReused if it takes a key."""
    rules = _rules_by_command(tree)
    return [
        module.at(function.node.lineno, f"{function.name} also refuses {sorted(missing)}, as its rule says")
        for module in tree.values()
        if module.name.endswith(".actions")
        for function in module.functions()
        if (missing := _promised(function, rules) - refuses_of(function))
    ]


def _rules_by_command(tree: Tree) -> dict[str, Function]:
    """From each `Kind("name", Command, Result, rules.rule, ...)`; the rule may be in another file of the slice."""
    found = {}
    for module in tree.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and called_name(node) == "Kind":
                command, rule = (ast.unparse(node.args[place]).rpartition(".") for place in (1, 3))
                behind = tree[f"{module.package}.{rule[0] or 'rules'}"]
                found[command[2]] = {function.name: function for function in behind.functions()}[rule[2]]
    return found


def _promised(function: Function, rules: dict[str, Function]) -> set[str]:
    calls = {name for node in ast.walk(function.node) if (name := called_name(node))}
    # `perform_one` raises the refusal of its command; `perform` returns it, and then it is the action's to handle.
    if "perform_one" not in calls:
        return set()
    promised = {name for command in calls & rules.keys() for name in refuses_of(rules[command])}
    takes_key = any(argument.arg == "key" for argument in function.node.args.kwonlyargs)
    return promised | ({"KeyReused"} if takes_key else set())


def test_every_refusal_has_a_family_a_code_and_says_what_to_do(house: Tree) -> None:
    assert len(refusals_in(house)) > 50
    assert check_messages(house) == []


def test_every_refusal_is_given_the_facts_that_its_message_names(house: Tree) -> None:
    assert check_facts(house) == []


def test_every_function_lists_what_it_refuses(house: Tree) -> None:
    assert check_listed(house) == []


def test_every_action_lists_what_its_rule_refuses(house: Tree) -> None:
    import scidex.lab

    assert scidex.lab.TABLES
    assert _rules_by_command(house).keys() == {kind.command.__name__ for kind in KINDS.values()}
    assert check_actions(house) == []


def test_a_refusal_without_family_code_or_advice_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger__model='''
            from scidex.core import errors
            class Odd(errors.Refusal):
                """Something is odd; mend it."""
            class NoFunds(errors.Refused):
                """There are no funds."""
            class Broke(NoFunds):
                """{account} is broke. Earn something."""
            ''',
        policy__model='''
            from scidex.core.errors import Missing
            class NoFunds(Missing):
                """There are no funds, e.g. none at all; earn some."""
            ''',
    )
    assert check_messages(tree) == [
        "scidex.ledger.model:3: Odd is of none of the families Invalid, Forbidden, Missing, Refused, Busy",
        "scidex.ledger.model:5: NoFunds does not say what to do: no semicolon, no second sentence",
        "scidex.policy.model:3: NoFunds has the code no_funds, as scidex.ledger.model.NoFunds has",
    ]


def test_a_message_that_cannot_be_formatted_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger__model='''
            from scidex.core.errors import Refused
            class NoFunds(Refused):
                """{account} has {available:>5}; add {short!r}."""
            class Forgotten(Refused):
                """Nobody raises this; do."""
            ''',
        ledger__rules="""
            from scidex.ledger.model import NoFunds
            def fine():
                raise NoFunds(account="a", available=1, short=2)
            def missing_fact():
                raise NoFunds(account="a", available=1)
            def made_up_fact(facts):
                return NoFunds(account="a", available=1, short=2, more=3)
            def who_knows(facts):
                raise NoFunds(**facts)
            """,
    )
    names = "its message names ['account', 'available', 'short']"
    assert check_facts(tree) == [
        f"scidex.ledger.rules:6: NoFunds is given ['account', 'available'], {names}",
        f"scidex.ledger.rules:8: NoFunds is given ['account', 'available', 'more', 'short'], {names}",
        f"scidex.ledger.rules:10: NoFunds is given ['**'], {names}",
        "scidex.ledger.model:5: Forgotten is never raised",
    ]


SLICE_WITH_UNLISTED_REFUSALS = {
    "ledger__model": '''
        from scidex.core.errors import Refused
        class NoFunds(Refused):
            """No funds; add some."""
        class Closed(Refused):
            """Closed; come back."""
        class KeyReused(Refused):
            """Used; take a new one."""
        ''',
    "ledger__rules": '''
        from scidex.ledger.model import Closed, NoFunds
        def move(state, command, context):
            """Move. Refuses: NoFunds, Closed."""
            _check(command)
        def close(state):
            """Close. Refuses: NoFunds (if so), Ghost."""
            raise _closed()
        def unlisted(state):
            """Say nothing. It may say: Closed."""
            _check(state)
        def _check(command):
            if command:
                raise NoFunds()
        def _closed():
            return Closed()
        ''',
    "ledger__actions": '''
        MOVE = declare(Kind("ledger.move", Move, Moved, rules.move, {}))
        def transfer(tx, *, key=None):
            """Move. Refuses: NoFunds,
            KeyReused."""
            return perform_one(tx, Request(Move(), tx.actor, key))
        def transfer_many(tx, *, key=None):
            """Move, and return the refusals."""
            return perform(tx, [Request(Move(), tx.actor, key)])
        def pay(tx, *, key=None):
            """Move. Refuses: Closed, NoFunds."""
            def work():
                return perform_one(tx, Request(Move(), tx.actor, key))
            return work()
        ''',
}


def test_an_unlisted_refusal_and_a_listed_ghost_are_caught(tmp_path: Path) -> None:
    assert check_listed(plant(tmp_path, **SLICE_WITH_UNLISTED_REFUSALS)) == [
        "scidex.ledger.rules:6: close also refuses ['Closed']",
        "scidex.ledger.rules:6: close lists the unknown ['Ghost']",
        "scidex.ledger.rules:9: unlisted also refuses ['NoFunds']",
    ]


def test_an_action_that_lists_less_than_its_rule_is_caught(tmp_path: Path) -> None:
    assert check_actions(plant(tmp_path, **SLICE_WITH_UNLISTED_REFUSALS)) == [
        "scidex.ledger.actions:3: transfer also refuses ['Closed'], as its rule says",
        "scidex.ledger.actions:10: pay also refuses ['KeyReused'], as its rule says",
    ]
