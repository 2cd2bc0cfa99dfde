"""A small world with hidden truths: whether each hypothesis holds, what work on each gap can find, who is any good.

All of it follows from the seed. An agent asks it only for what its senses tell it, which is wrong as often as the agent
is unskilled.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

FIELDS = ("protein", "immune", "sleep", "vessel")
HYPOTHESES_PER_FIELD, GAPS_PER_FIELD = 3, 2
FAMILIES = {"gpt": "gpt-4o-mini", "gemini": "gemini-2.5-flash", "llama": "gpt-4.1-mini"}
"""Model families of agents, and a model whose price the price book knows, in whose name usage is simulated."""
REVIEWER_EVERY = 3
_CLAIMS = ("spreads along synapses", "slows with age", "comes before symptoms")
_GAPS = ("has no human model", "has no dose response")


@dataclass(frozen=True)
class Artifact:
    """Something under research, with its truth."""

    kind: str
    name: str
    title: str
    field: str
    holds: bool
    yields: float
    """Edges that a thousand tokens of skilled work find, while there are some left."""
    edges: int
    """How many there are to find."""


@dataclass(frozen=True)
class Traits:
    """What an agent is like."""

    name: str
    family: str
    skill: float
    """How much of a truth it sees: 1 sees it whole, 0 nothing."""
    honest: bool
    reviewer: bool
    fields: tuple[str, ...]
    """Where it trades and works; it reviews the others, in which it has no stake."""


class World:
    """Artifacts and agents of a seed; `tag` comes before every name, so that worlds can live beside each other."""

    def __init__(self, seed: int, agents: int, tag: str) -> None:
        self._seed, self.tag = seed, tag
        self.artifacts = [
            *(self._hypothesis(field, number) for field in FIELDS for number in range(HYPOTHESES_PER_FIELD)),
            *(self._gap(field, number) for field in FIELDS for number in range(GAPS_PER_FIELD)),
        ]
        self.hypotheses = [each for each in self.artifacts if each.kind == "hypothesis"]
        self.agents = [self._traits(number) for number in range(agents)]
        self.named = {each.name: each for each in self.artifacts}

    def chance(self, *what: object) -> random.Random:
        """Chance that is the same for the same question."""
        return random.Random(" ".join(map(str, (self._seed, *what))))

    def belief(self, who: Traits, artifact: Artifact) -> float:
        """How probable an agent holds a hypothesis to be, from 0.03 to 0.97."""
        seen = 0.45 * who.skill * (1 if artifact.holds else -1)
        noise = self.chance(who.name, artifact.name, "belief").gauss(0, 0.3 * (1 - who.skill))
        return min(0.97, max(0.03, 0.5 + seen + noise))

    def found(self, who: Traits, artifact: Artifact, tokens: int, chance: random.Random) -> list[tuple[str, str, str]]:
        """Edges that so many tokens of an agent's work on an artifact bring; who is not honest makes some up."""
        expected = artifact.yields * (0.3 + who.skill) * tokens / 1000
        numbers = [chance.randrange(artifact.edges) for _ in range(_poisson(expected, chance))]
        if not who.honest:
            numbers.append(artifact.edges + chance.randrange(1000))
        return [
            (f"{artifact.name} site {number}", "acts on", f"pathway {number % 7}") for number in dict.fromkeys(numbers)
        ]

    def is_true(self, who: Traits, subject: str) -> bool:
        """Whether an edge with this subject is true, as far as an agent can tell."""
        name, _, number = subject.partition(" site ")
        artifact = self.named.get(name)
        true = artifact is not None and number.isdigit() and int(number) < artifact.edges
        seen = self.chance(who.name, subject).random() < 0.5 + who.skill / 2
        return true if seen else not true

    def quality(self, who: Traits, made_by: str) -> float:
        """How good an agent's output looks to a reviewer, from 0 to 1 in thousandths."""
        maker = next((each for each in self.agents if each.name == made_by), None)
        true = 0.0 if maker is None else maker.skill * (1.0 if maker.honest else 0.3)
        seen = true + self.chance(who.name, made_by).gauss(0, 0.2 * (1 - who.skill))
        return round(min(1.0, max(0.0, seen)), 3)

    def _hypothesis(self, field: str, number: int) -> Artifact:
        chance = self.chance(field, number, "hypothesis")
        name = f"{self.tag}-{field}-h{number + 1}"
        title = f"The {field} pathway {_CLAIMS[number % len(_CLAIMS)]} ({self.tag})"
        return Artifact("hypothesis", name, title, field, chance.random() < 0.5, chance.uniform(0.1, 0.6), 40)

    def _gap(self, field: str, number: int) -> Artifact:
        chance = self.chance(field, number, "gap")
        name = f"{self.tag}-{field}-g{number + 1}"
        title = f"The {field} pathway {_GAPS[number % len(_GAPS)]} ({self.tag})"
        return Artifact("gap", name, title, field, True, min(6.0, chance.lognormvariate(0, 0.9)), 300)

    def _traits(self, number: int) -> Traits:
        chance = self.chance("agent", number)
        first = number % len(FIELDS)
        fields = (FIELDS[first], FIELDS[(first + 1) % len(FIELDS)])
        family = list(FAMILIES)[number % len(FAMILIES)]
        honest = chance.random() < 0.85
        name = f"{self.tag}-agent-{number + 1:02}"
        return Traits(name, family, round(chance.uniform(0.2, 0.95), 3), honest, number % REVIEWER_EVERY == 0, fields)


def _poisson(mean: float, chance: random.Random) -> int:
    """How many events there are of which `mean` are expected (Knuth's product of uniforms)."""
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
