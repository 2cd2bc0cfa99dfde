"""Every answer of no about proposals."""

from __future__ import annotations

from scidex.core.errors import Forbidden, Invalid, Missing, Refused


class TooMuchEvidence(Invalid):
    """{given} pieces of evidence were given; give at most {most}."""


class ClaimInvalid(Invalid):
    """The evidence number {place} cannot be used: {problem}. Mend it; `scidex proposals propose --help` shows each
    sort."""


class ExpectedGainInvalid(Invalid):
    """What is expected cannot be used: {problem}. Say at least one measure, how much of it, and within how long."""


class ChoiceInvalid(Invalid):
    """{choice!r} is no vote; say one of {known}."""


class NothingAsked(Invalid):
    """The proposal asks for nothing; give at least one of {known}, each once and above 0."""


class PolicyChangeInvalid(Invalid):
    """The policy cannot be changed so: {field}: {problem}; `docs/policy.md` has every field with its bounds."""


class NotYourProposal(Forbidden):
    """{actor} may not do this to the proposal {proposal}; only {proposer}, who made it, or an operator may."""


class ConflictOfInterest(Forbidden):
    """{actor} may not judge the proposal {proposal}: {why}. Abstain, and somebody else takes the seat."""


class NotAssigned(Forbidden):
    """{actor} was not drawn to vote on the proposal {proposal}; comment on it instead."""


class UnknownProposal(Missing):
    """There is no proposal {proposal!r}; `scidex proposals list` shows those that there are."""


class ClaimUnknown(Refused):
    """The evidence number {place} names {what}, which is not on record; leave it out, or register it first."""


class PaperUnknown(Refused):
    """The evidence number {place} names {reference}, and no such paper was found; see whether the number is right."""


class MoveNotRecorded(Refused):
    """The evidence number {place} claims that the price in market {market} changed by {change} between {since} and
    {until}; recorded is {before} and then {after}, a change of {recorded} (of the moment: {spot_before} and then
    {spot_after}). Claim what is recorded."""


class YieldNotRecorded(Refused):
    """The evidence number {place} claims {edges} edges gained by work on {entity}, and the Atlas has {recorded}; claim
    what is recorded, or submit the edges first."""


class TooFewReviewers(Refused):
    """{found} reviewers have no conflict with this and the quorum is {quorum}; have an operator register more of
    them."""


class TooManyProposals(Refused):
    """{owner} has {most} proposals that are voted on, the most that it may; wait for one to end, or withdraw one."""


class ProposalStage(Refused):
    """The proposal {proposal} is {state} and cannot be {wanted}; `scidex proposals show {proposal}` says what it waits
    for."""


class VotingOver(Refused):
    """The time to vote on the proposal {proposal} was over at {due_at}; its end is written down with the next sweep."""


class ProposalNotDue(Refused):
    """Nothing is due for the proposal {proposal}: {why}. Come back then."""


class GrantBlocked(Refused):
    """{why}; ask for less."""


class PolicyMoved(Refused):
    """The policy was changed at the same moment; nothing was enacted. Try again."""
