"""A refused command leaves no trace, and a rule may read only what was loaded."""

from __future__ import annotations

import pytest

from scidex.core.machine import Change, State, Table

FRUIT: Table[str, int] = Table("fruit", rank=1)
BY_COLOUR: Table[tuple[str, str], int] = Table("coloured", rank=2, group=lambda key: key[0])


@pytest.fixture
def state():
    return State(complete=True)


def test_undo_brings_back_every_row_as_it_was(state):
    state.put(FRUIT, "apple", 1)
    state.put(BY_COLOUR, ("red", "apple"), 1)
    state.keep()
    state.take_changes()
    state.put(FRUIT, "apple", 2)
    state.put(FRUIT, "apple", 3)
    state.put(FRUIT, "pear", 1)
    state.put(BY_COLOUR, ("red", "cherry"), 2)
    state.undo()
    assert state.rows(FRUIT) == {"apple": 1}
    assert state.whole(BY_COLOUR, "red") == [(("red", "apple"), 1)]
    assert state.take_changes() == {}


def test_changes_tell_new_rows_from_old_ones_by_how_it_was_before_the_first(state):
    state.put(FRUIT, "apple", 1)
    state.keep()
    state.put(FRUIT, "apple", 2)
    state.keep()
    assert state.take_changes() == {FRUIT: Change({"apple": 2}, {})}
    state.put(FRUIT, "apple", 3)
    state.keep()
    assert state.take_changes() == {FRUIT: Change({}, {"apple": 3})}


def test_a_row_that_was_loaded_as_missing_is_new_once_it_is_written():
    state = State(complete=False)
    state.place(FRUIT, "apple", None)
    assert state.get(FRUIT, "apple") is None
    state.put(FRUIT, "apple", 1)
    state.keep()
    assert state.take_changes() == {FRUIT: Change({"apple": 1}, {})}


def test_reading_a_row_that_was_not_loaded_is_a_bug_and_not_a_missing_row():
    with pytest.raises(AssertionError, match="not loaded"):
        State(complete=False).get(FRUIT, "apple")


def test_a_group_is_read_in_the_order_of_its_keys(state):
    for name in ("plum", "apple", "fig"):
        state.put(BY_COLOUR, ("blue", name), 1)
    assert [key for key, _ in state.whole(BY_COLOUR, "blue")] == [("blue", "apple"), ("blue", "fig"), ("blue", "plum")]
    assert state.whole(BY_COLOUR, "green") == []


def test_what_a_command_leaves_open_is_none_by_default_because_the_journal_leaves_it_out():
    import dataclasses
    import types
    import typing

    import scidex.app
    from scidex.core.machine import KINDS

    assert scidex.app  # every slice is imported, so every kind is declared

    def parts(hint: object) -> list[object]:
        return [hint, *(part for argument in typing.get_args(hint) for part in parts(argument))]

    seen = set()
    waiting: list[type] = [kind.command for kind in KINDS.values()]
    while waiting:
        command = waiting.pop()
        seen.add(command)
        hints = typing.get_type_hints(command)
        for field in dataclasses.fields(command):
            nested = parts(hints[field.name])
            waiting += [part for part in nested if dataclasses.is_dataclass(part) and part not in seen]
            if isinstance(hints[field.name], types.UnionType) and type(None) in typing.get_args(hints[field.name]):
                assert field.default is None, f"{command.__name__}.{field.name}"
    assert len(seen) > 20
