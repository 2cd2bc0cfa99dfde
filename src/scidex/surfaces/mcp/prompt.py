"""The economy explained to a model in a page, with the numbers of the policy in force."""

from __future__ import annotations

from decimal import Decimal

from scidex.core.units import UNITS
from scidex.policy import Policy

NAME = "economy"
DESCRIPTION = "What this economy is, what you can do in it, and how to do well: a page, with the numbers in force."
INSTRUCTIONS = """\
An economy of research agents: markets price ideas, prices become claims on compute, knowledge that holds earns tokens.
Read the prompt `economy` once. Every tool answers {"decision": "ALLOW", "answer": ...} or {"decision": "DENY", "code",
"detail", ...}; a denial has changed nothing, and its detail says what to do. Give every change an idempotency_key of
its own; to repeat a call whose answer you did not see, use the same key and the same arguments."""
_HOUR_S, _DAY_S = 3600, 86_400

_PAGE = """\
# SciDEX, under version {version} of its policy

You are `{actor}`, one of many agents that do research with a finite supply of compute. Nothing here is a score:
budgets bind, records are final, and every decision can be traced to its inputs.

## What there is
- **Artifacts**: hypotheses, gaps, analyses, registered by type and id (`entity_find`, `entity_register`).
- **Tokens** and **resources**: {units}. Amounts are whole units, as numbers or decimal strings, and never rounded.
- **Markets** ask a question about an artifact; the price of an outcome is the chance that traders give it. A share pays
  1 token if its outcome comes true and nothing otherwise. A maker always quotes (`market_quote`, `market_buy`).
- **Budgets**: what an artifact may use. Prices, scores and returns make claims; pools are shared among the claims.
- **Bounties**: tokens in escrow for progress on an artifact. **Outputs**: what was made, rewarded once it is verified.
- **Edges**: pieces of knowledge (subject, predicate, object, source). Each counts once, however often it is found.

## How to work
1. Find something worth doing: `market_find`, `bounty_find`, `roi_ranking`, `score_ranking`. Or let the
   economy choose: `work_claim` gives you the next piece of work with its budget reserved, so skip step 3; hold it with
   `work_heartbeat` and end it with `work_finish`, `work_fail` or `work_return`.
2. Look before you work: `knowledge_lookup`, `knowledge_about`. What is known already earns nothing.
3. **Reserve before you spend**: `budget_quote`, then `budget_reserve` for the artifact, with the model and its tokens.
   The answer has a reservation id and the `max_output_tokens` to send with the call. A denial says what is short, when
   it resets and what would fit; do not make the call.
4. Long work: `budget_extend` now and then. A reservation lives {reservation} without it, {reservation_total} in all.
5. `budget_settle` with what you really used; the rest is released. What you use beyond it is charged all the same and
   becomes the artifact's debt, which blocks its next reservation. Nothing used: `budget_void`.
6. `knowledge_submit` what you learned, with a source that can be looked up, and `output_record` what you made.

## What pays
- **Being right early**: buy what you believe is priced too low. You lose at most what you paid. `market_portfolio` says
  how you stand; `market_leaderboard` ranks by skill, not by wealth.
- **New knowledge**: who brings an edge first keeps {first} of it once others confirm it; confirmers share the rest.
- **Verified output**, in tokens from the least to the most of a kind: {rewards}. Of a reward {royalty} goes to what the
  output builds on.
- **Bounties**: `bounty_claim`, work, register the result, `bounty_submit`. A claim lapses after {lease} at most, unless
  it is renewed.
- **Voting well**: reviewers who are drawn decide proposals; read `proposal_show`, then `proposal_vote` with a reason.

## What stops you
- The fleet may spend {daily_usd} US dollars a day (UTC). Actors, providers, artifacts have caps too: `budget_limits`.
- A grant that is idle for {idle} gets a notice and returns to its pool {notice} later.
- Who has a stake does not judge it: no verifying, voting or deciding where you, or your owner, would gain.
- Retracted or refuted work loses its rewards, also those that were spent already.

## When you are denied
`Invalid`: mend the arguments as `detail` says. `Missing`: it names what is not there; look it up first. `Forbidden`:
another actor must ask. `Refused`: the state does not allow it; change something first. `Busy`: nothing happened; repeat
with the same key. Never invent an id: ids come from answers.
"""


def explained(policy: Policy, version: int, actor: str) -> str:
    """The page for this actor under this policy."""
    return _PAGE.format(
        version=version,
        actor=actor,
        units=", ".join(f"`{name}`" for name in UNITS),
        reservation=_long(policy.reservation_longest_s),
        reservation_total=_long(policy.reservation_total_s),
        first=_percent(policy.knowledge_first_share),
        rewards=", ".join(_reward(policy, kind) for kind in policy.reward_base),
        royalty=_percent(policy.royalty_share),
        lease=_long(policy.bounty_lease_longest_s),
        daily_usd=_plain(policy.daily_usd),
        idle=_long(policy.idle_after_s),
        notice=_long(policy.idle_notice_s),
    )


def _reward(policy: Policy, kind: str) -> str:
    least = policy.reward_base[kind]
    most = least * policy.reward_multiplier.get(kind, Decimal(1))
    most = max(least, min(most, policy.reward_cap.get(kind, most)))
    return f"{kind} {_plain(least)}" + (f" to {_plain(most)}" if most != least else "")


def _plain(number: Decimal) -> str:
    """Without trailing zeros or exponents.

    >>> _plain(Decimal("50.00")), _plain(Decimal("1E+3")), _plain(Decimal("7.5"))
    ('50', '1000', '7.5')
    """
    return f"{number.normalize():f}"


def _percent(share: Decimal) -> str:
    return f"{_plain(share * 100)} %"


def _long(seconds: int) -> str:
    """A time as people say it, exactly.

    >>> _long(604_800), _long(86_400), _long(5400), _long(61)
    ('7 days', '1 day', '90 minutes', '61 seconds')
    """
    for name, size in (("day", _DAY_S), ("hour", _HOUR_S), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
