"""Why knowledge is not taken, changed or judged."""

from __future__ import annotations

from scidex.core.errors import Busy, Forbidden, Invalid, Missing, Refused


class NothingSubmitted(Invalid):
    """There is no line; name at least one edge or gain."""


class TooManyEdges(Invalid):
    """{given} lines are too many at once; send at most {most}, and the rest in further commands."""


class ConfidenceInvalid(Invalid):
    """The confidence is {given}; give a number from 0 to 1 with at most three decimals, or leave it out."""


class GainKindUnknown(Invalid):
    """There is no kind of gain {kind!r}; use one of {known}."""


class GainAmountInvalid(Invalid):
    """The amount of a gain of {kind} is {given}; it is {right}. Mend it, or leave it out."""


class VerdictRepeated(Invalid):
    """{edge} is judged twice in one sample; judge each edge once."""


class UnknownEdge(Missing):
    """There is no edge {edge!r}; submit it first, or look the id up in the list of an artifact's edges."""


class UnknownGain(Missing):
    """There is no {kind} {reference!r} among the gains; look it up in the list of an artifact's gains."""


class NotTheContributor(Forbidden):
    """{actor} is not the only one who brought {edge}, so it is for a reviewer to retract; ask one."""


class NotYourGain(Forbidden):
    """{kind} {reference!r} was submitted by {owner}; its owner or a reviewer retracts it."""


class AuditorHasStake(Forbidden):
    """{actor}, or who owns it, has a share in {edge}; leave it to another reviewer."""


class EdgeNotStanding(Refused):
    """What {edge} says is {state} since {at}; name an edge that stands."""


class EdgeNotRetracted(Refused):
    """What {edge} says is {state}, and only what a reviewer retracted is reinstated; there is nothing to do."""


class SameAlready(Refused):
    """{edge} and {same_as} are counted as one already; there is nothing to do."""


class NotMerged(Refused):
    """{edge} was not merged into another; name the edge that was."""


class SplitOrder(Refused):
    """{edge} was merged into {same_as}, which was merged into another since; split {same_as} first."""


class MergeTooLarge(Refused):
    """Together that is {given} edges, and at most {most} are counted as one; retract those that are not needed."""


class GainWithdrawn(Refused):
    """{kind} {reference!r} was retracted at {at}; there is nothing to do."""


class StatementMoved(Busy):
    """What is counted with {edge} has just changed, so nothing happened; ask again with the same key."""
