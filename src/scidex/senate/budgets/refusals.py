"""Every answer of no of the budgets. Where a budget or a cap is short it is 402: terminal, nothing to retry."""

from __future__ import annotations

from scidex.core.errors import Busy, Forbidden, Invalid, Missing, Refused


class VectorInvalid(Invalid):
    """The vector of resources cannot be reserved: {reason}; give each of {known} at most once, and dollars as usd."""


class TierDiffers(Invalid):
    """{model!r} is of the tier {tier}, whose tokens are {unit}, and the vector has {given}; reserve {unit} for it, or
    change its tier in model_tiers of the policy."""


class TooManyEvents(Invalid):
    """{given} events of usage are too many for one command; give at most {most}, or several commands."""


class UsageTooLarge(Invalid):
    """With event {place}, counted from 0, one command uses {given} {unit} and {largest} is the most; see whether its
    figures are right, and report the events from there on apart, as a charge."""


class ScoreInvalid(Invalid):
    """{field} is {given}; give a number from {least} to {most}."""


class LimitInvalid(Invalid):
    """{reason}; a limit has one of the scopes {scopes}, a subject unless it is the fleet's, and one of the windows
    {windows}."""


class OverrideNeedsReason(Invalid):
    """An override is recorded with its reason and none was given; say why in 1 to 1000 printable characters."""


class NotYourReservation(Forbidden):
    """{actor} may not change the reservation {reservation}; only who placed it or an operator may."""


class UnknownReservation(Missing):
    """There is no reservation {reservation!r}; give the id that the receipt of reserving shows."""


class UnknownLimit(Missing):
    """There is no daily limit of {limit} to override; an operator sets one first."""


class ReservationEnded(Refused):
    """The reservation {reservation} is {state} since {since}; reserve again, and charge what was used beside it."""


class ReservationExpired(Refused):
    """The reservation {reservation} expired at {expires_at}; settle what was used of it, or reserve again."""


class ReservationTooOld(Refused):
    """The reservation {reservation} was placed at {placed_at} and may live until {latest} at most, {seconds} s from
    now; extend it by less, or settle it and reserve again."""


class ReservationNotDue(Refused):
    """The reservation {reservation} runs until {expires_at}; void it to release it before."""


class NoBudget(Refused):
    """{whom} has no budget in {unit}, of which {needed} is needed; have an operator or an allocation grant it some."""

    status = 402


class DailyCapReached(Refused):
    """The {cap} of {whom} has {available} {unit} left and {needed} is needed, {short} more; it resets at {resets_at}.
    Ask for at most {fits}, or have an operator override the cap for today."""

    status = 402


class LimitReached(Refused):
    """The {cap} of {whom} has {available} {unit} left and {needed} is needed, {short} more; it resets {resets_at}. Ask
    for at most {fits}, or have an operator raise it."""

    status = 402


class ProviderRateReached(Busy):
    """{provider} takes {calls_per_s} calls per second and {needed} more would pass it; nothing happened. Try again with
    the same key at {free_at}."""


class BudgetBelowUse(Refused):
    """{whom} has used or reserved {least} {unit} and its budget was to be {given}; give at least {least}."""


class PoolDiffers(Refused):
    """The budget of {whom} came out of the pool {pool} and has {left} left, and the pool was to be {given}; name
    {pool}, or first set what is left back to it."""


class GrantNotIdle(Refused):
    """The grant of {whom} is not idle: {reason}; ask again after {idle_at}."""


class NoticeNotGiven(Refused):
    """{whom} was given no notice that stands; give notice first, and return the grant {notice_s} s later."""


class PoolUnknown(Refused):
    """Nobody knows from which pool the grant of {whom} came; name the pool."""
