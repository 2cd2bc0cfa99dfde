"""Which tier a model is in: patterns of the policy, those of the batch tier first, then the longest that fits."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from scidex.metering.model import RESOURCE_OF, TIERS, UnknownModel, UnknownTier
from scidex.policy import Policy

_UNIT_OF = {tier: unit for unit, (_, tier) in RESOURCE_OF.items() if tier is not None}


def tier_of(model: str, policy: Policy) -> str:
    """The tier of a model, with or without the provider before it, in any case.

    The patterns of the batch tier are looked at first, because they say how a model is called and not which it is. Then
    the longest that fits decides, and of one length that in the dearer tier. Refuses: UnknownModel (if the policy says
    so).

    >>> [tier_of(model, Policy()) for model in ("o3", "openai/GPT-5-mini", "gpt-4o:batch", "never heard of")]
    ['reasoning', 'standard', 'batch', 'standard']
    >>> tier_of("claude-sonnet-4-5:batch", Policy())
    'batch'
    """
    tier = _matched(model, tuple(policy.model_tiers.items())) or policy.unknown_model_tier
    if tier is None:
        raise UnknownModel(model=model)
    return tier


@lru_cache(maxsize=4096)
def _matched(model: str, tiers: tuple[tuple[str, tuple[str, ...]], ...]) -> str | None:
    """The tiers come as a dictionary, whose order a database does not keep, so it must not matter."""
    names = tuple(names_of(model))
    fits = (
        (tier != "batch", -len(pattern), _dearness(tier), tier)
        for tier, patterns in tiers
        for pattern in patterns
        if any(fnmatchcase(name, pattern.lower()) for name in names)
    )
    return min(fits, default=(True, 0, 0, None))[3]


def names_of(model: str) -> Iterator[str]:
    """The names under which a model may be known, in small letters, without the gateways before it.

    >>> list(names_of("OpenRouter/openai/o3"))
    ['openrouter/openai/o3', 'openai/o3', 'o3']
    """
    model = model.lower()
    yield model
    while "/" in model:
        model = model.partition("/")[2]
        yield model


def _dearness(tier: str) -> int:
    return TIERS.index(tier) if tier in TIERS else len(TIERS)


def unit_of_tier(tier: str) -> str:
    """The unit in which LLM tokens of this tier are counted. Refuses: UnknownTier.

    >>> unit_of_tier("reasoning")
    'llm_reasoning'
    """
    try:
        return _UNIT_OF[tier]
    except (KeyError, TypeError):
        raise UnknownTier(tier=tier, known=", ".join(TIERS)) from None


def tier_of_unit(unit: str) -> str | None:
    """The tier whose LLM tokens the unit counts; None for other units.

    >>> tier_of_unit("llm_batch"), tier_of_unit("cpu_seconds")
    ('batch', None)
    """
    return RESOURCE_OF.get(unit, ("", None))[1]
