"""Every answer of no about work."""

from __future__ import annotations

from scidex.core.errors import Forbidden, Invalid, Missing, Refused


class PayloadInvalid(Invalid):
    """The payload {problem}; give JSON of at most {most} characters."""


class AttemptsInvalid(Invalid):
    """{given} is no number of attempts; give a whole number from 1 to {most}."""


class TooManyBefore(Invalid):
    """{given} items are too many to wait for, or one is named twice; name at most {most}, each once."""


class TooManyKinds(Invalid):
    """{given} kinds are too many to ask for at once; name at most {most}, or none to get work of any kind."""


class NotYourClaimOfWork(Forbidden):
    """{actor} does not hold the claim {claim}; only who does, or an operator, may end it or hold it longer."""


class NotYourItem(Forbidden):
    """{actor} did not add the item {item}; its proposer or an operator may withdraw it."""


class UnknownItem(Missing):
    """There is no item {item!r}; `scidex work list` shows those that there are."""


class UnknownWorkClaim(Missing):
    """There is no claim {claim!r}; `scidex work claims` shows those that are held."""


class NoWork(Refused):
    """There is no work now that can be claimed{of_kinds}: nothing is open, or no budget has what it needs. Ask again
    later, or wait for it (wait_s)."""


class ItemTaken(Refused):
    """The item {item} is {state} and cannot be claimed now; claim again, and another is chosen."""


class ItemNotWaiting(Refused):
    """The item {item} is {state} or still waits for another; it opens by itself when those are finished."""


class ItemBusy(Refused):
    """The item {item} is {state}; only what is open, waiting or dead can be withdrawn. Wait until its claim has
    ended."""


class ItemNotDead(Refused):
    """The item {item} is {state}; only dead letters are revived. Add it again if it is to be done again."""


class ClaimOver(Refused):
    """The claim {claim} is {state} since {since}; claim again, and report usage that is not recorded yet without a
    reservation (`charge`)."""


class ClaimUsed(Refused):
    """Of the claim {claim} something was used already, so it cannot be given back as if it had not been held; finish it
    or fail it."""


class ClaimNotDue(Refused):
    """The claim {claim} runs until {expires_at}; wait until then, or let its holder give it back."""
