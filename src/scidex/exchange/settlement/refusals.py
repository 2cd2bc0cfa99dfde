"""When a step of a settlement is refused."""

from __future__ import annotations

from scidex.core.errors import Forbidden, Invalid, Missing, Refused


class RulingInvalid(Invalid):
    """The ruling is {ruling!r} with the outcome {outcome!r}; write `outcome` with one of the market's outcomes, `void`
    without, or, but not to propose it, `unproven` without."""


class StageInvalid(Invalid):
    """There is no stage {stage!r}; the stages are {known}."""


class NotImpartial(Forbidden):
    """{actor} {why} in {market} and may not judge how it ends; let somebody else do it."""


class NotFunder(Forbidden):
    """{actor} did not fund the market {market}; its funder or an operator says whether it is staged."""


class UnknownSettlement(Missing):
    """Nobody has proposed how the market {market} ends; `scidex settlement propose` does."""


class StillTrading(Refused):
    """The market {market} takes trades until {until}; propose how it ends after that."""


class ProposalStands(Refused):
    """The market {market} has the proposal {case} already, which is {state} until {until}; dispute it, or wait."""


class NoProposal(Refused):
    """The settlement of {market} is {state} and nothing is to be {wanted}; look with `scidex settlement show`."""


class AnotherCase(Refused):
    """The case of {market} is number {case} now and not {given}; look at it again before you act."""


class WindowOver(Refused):
    """The proposal for {market} could be disputed until {until}; once it is final, propose what should replace it."""


class TimeToDecideOver(Refused):
    """The dispute over {market} was to be decided by {until}; it lapses now, with `scidex settlement advance`."""


class OwnProposal(Refused):
    """{actor} proposed this and may not dispute it too; let somebody else do it."""


class SameRuling(Refused):
    """This says what stands already for {market} ({ruling}); say what is different."""


class DeadlinePassed(Refused):
    """The market {market} was to be resolved by {until}; it is void now, with `scidex settlement advance`."""


class Overtaken(Refused):
    """The market {market} was resolved directly meanwhile; `scidex settlement advance` gives the bonds back."""


class SettledForGood(Refused):
    """The market {market} is settled at version {version} and stays so: {why}; nothing is to be done."""


class StagesMissing(Refused):
    """The market {market} is staged and has still to be {missing}; record that first (`scidex settlement record`)."""


class StageOutOfTurn(Refused):
    """The next stage of {market} is {following} and not {stage}; record the stages in their order, each once."""


class NotStaged(Refused):
    """The market {market} is not staged; propose how it ends when it has closed."""


class TooLateToStage(Refused):
    """The market {market} has had trades or has ended, and its traders count on its terms; say so before the first."""


class NothingDue(Refused):
    """Nothing is due for {market} before {until}; wait, or take another step (`scidex settlement show`)."""
