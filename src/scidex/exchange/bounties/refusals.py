"""Every answer of no about bounties."""

from __future__ import annotations

from scidex.core.errors import Forbidden, Missing, Refused


class NotYourBounty(Forbidden):
    """{actor} may not take back the bounty {bounty}; only its poster or an operator may."""


class NotYourClaim(Forbidden):
    """{actor} has no claim to the bounty {bounty} now; claim it first."""


class NotYourWork(Forbidden):
    """{output} was registered by {proposer} and not by {actor}; submit what you made yourself."""


class NotTheJudge(Forbidden):
    """{actor} may not judge work for the bounty {bounty}; its poster or a reviewer (role {role}) may."""


class OwnAward(Forbidden):
    """{actor} may not judge work of their own for the bounty {bounty}; leave it to somebody else."""


class StakeInBounty(Forbidden):
    """{actor} has a stake in the bounty {bounty} ({stake}); leave it to somebody who has none."""


class StakeInMarket(Forbidden):
    """{actor} has {what} in {market}, the market on what the bounty {bounty} is for; leave it to
    somebody who has none."""


class UnknownBounty(Missing):
    """There is no bounty {bounty!r}; `scidex bounties list` shows those that there are."""


class UnknownWork(Missing):
    """{output} was not submitted to the bounty {bounty}; `scidex bounties submissions` shows what was."""


class BountyEnded(Refused):
    """The bounty {bounty} is {state} since {since}; offer a new one."""


class BountyPast(Refused):
    """The time of the bounty {bounty} was over at {expires_at}; take another, or offer a new one."""


class BountyCounted(Refused):
    """The bounty {bounty} counted in an allocation at {counted_at}, so it stays until {expires_at}; an operator may
    refund it before."""


class BountyNotDue(Refused):
    """The bounty {bounty} runs until {expires_at}; its poster may refund it before."""


class WorkUnderWay(Refused):
    """Somebody works for the bounty {bounty} ({work}); wait for that, judge what was submitted, or let an operator
    refund it."""


class BountyClaimed(Refused):
    """{claimant} has claimed the bounty {bounty} until {lease_until}; take another, or come back then."""


class ClaimTooSoon(Refused):
    """{actor} had the bounty {bounty} and let it go without submitting anything; others come first until {until}."""


class ClaimTooLong(Refused):
    """{actor} has had the bounty {bounty} since {since}, as long as one may; submit what there is."""


class SubmittedBefore(Refused):
    """{output} was submitted to the bounty {bounty} before and is {state}; submit something else."""


class WorkJudged(Refused):
    """{output} was judged before for the bounty {bounty} ({state}); each work is judged once. Judge another."""


class BountyEmpty(Refused):
    """Nothing remains of the bounty {bounty}; add to it first."""


class AwardAboveRest(Refused):
    """{asked} tokens were to be awarded and {remaining} remain of the bounty {bounty}; award at most that."""


class TooManyBounties(Refused):
    """{artifact} has {most} open bounties, the most that it may; add to one of them."""


class TooManyFunders(Refused):
    """The bounty {bounty} has {most} funders, the most that it may; offer another."""


class TooManySubmissions(Refused):
    """{most} works were submitted to the bounty {bounty}, the most that may be; wait for another bounty."""


class NothingToDraw(Refused):
    """Nothing was spent on {artifact} that its bounties have not paid for yet; come back after some spending."""
