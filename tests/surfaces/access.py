"""A small world in which the example of every route's description means something, and who calls the routes there."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
from tests.house.access import CALLERS

from scidex.actors import register_actor
from scidex.core.units import TOKEN
from scidex.economy import Economy
from scidex.keys import PRESETS, SCOPES, issue_key
from scidex.ledger import issue, wallet_of

T = TOKEN.parts


class Operation(NamedTuple):
    """A route as the description has it."""

    name: str
    method: str
    path: str
    facts: dict[str, Any]

    @property
    def body(self) -> Any:
        """Its example."""
        content = self.facts.get("requestBody", {}).get("content", {})
        return next((kind["example"] for name, kind in content.items() if name == "application/json"), None)


def operations(description: dict[str, Any]) -> Iterator[Operation]:
    """Every route."""
    for path, methods in description["paths"].items():
        for method, facts in methods.items():
            yield Operation(facts["operationId"], method.upper(), path, facts)


def people(economy: Economy) -> dict[str, dict[str, str]]:
    """Who calls, with 1000 tokens each: headers with a key of the preset of that name."""
    headers = {}
    for name, roles in CALLERS.items():
        who = f"some-{name}"
        economy.run(lambda tx, who=who, roles=roles: register_actor(tx, name=who, roles=roles), actor="operator")
        economy.run(
            lambda tx, who=who: issue(tx, account=wallet_of(who), amount=1000 * T, reason="t"), actor="operator"
        )
        headers[name] = bearer(economy, who, PRESETS[name])
    return headers


def bearer(economy: Economy, actor: str, scopes: Any) -> dict[str, str]:
    """The header of a new key."""
    issued = economy.run(lambda tx: issue_key(tx, actor=actor, scopes=scopes), actor="operator")
    return {"Authorization": f"Bearer {issued.secret}"}


class World:
    """Everything that the examples name, made by an owner who is none of those who call; new for every route."""

    def __init__(self, economy: Economy, client: httpx.Client) -> None:
        self.client = client
        self.people = people(economy)
        owner = {"owner": "some-owner", "author": "some-author"}
        for who in owner.values():
            economy.run(lambda tx, who=who: register_actor(tx, name=who), actor="operator")
            economy.run(
                lambda tx, who=who: issue(tx, account=wallet_of(who), amount=10**6 * T, reason="t"), actor="operator"
            )
        self.owner, self.author = (bearer(economy, who, SCOPES) for who in owner.values())
        self.numbers = itertools.count(1)
        for kind, name in (
            ("hypothesis", "tau-spreads-trans-synaptically"),
            ("gap", "human-blood-brain-organoid"),
        ):
            self.must("/api/entities", {"entity_type": kind, "entity_id": name, "title": "title"})
        for unit in ("llm_standard", "llm_reasoning", "api_calls", "usd", "cpu_seconds"):
            amount = {"account": f"pool:main/pool/{unit}", "amount": 10_000, "reason": "cycle"}
            self.must("/api/ledger/issue", amount, self.people["operator"])
        for name in ("alice", "bob"):
            self.must("/api/actors", {"name": name})
            account = {"account": f"actor:{name}/wallet/token", "amount": 100, "reason": "t"}
            self.must("/api/ledger/issue", account, self.people["operator"])
        budget = {"pool": "main", "budgets": {"api_calls": 500, "llm_reasoning": 5000, "usd": 20}}
        path = "/api/economics/budgets/hypothesis/tau-spreads-trans-synaptically"
        self.right(self.client.put(path, json=budget, headers=self.people["operator"]))
        question = {"question": "?", "liquidity": 10, "artifact_id": "tau-spreads-trans-synaptically"}
        self.must("/api/market/open", {"market": "tau", **question})
        for number in range(4):
            reviewer = {"name": f"reviewer-{number}", "roles": ["reviewer"]}
            self.must("/api/actors", reviewer, self.people["operator"])

    def must(self, path: str, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
        return self.right(self.client.post(path, json=body, headers=headers or self.owner))

    @staticmethod
    def right(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def name(self, what: str) -> str:
        return f"{what}-{next(self.numbers)}"

    def entity(self, kind: str) -> str:
        name = self.name(kind)
        self.must("/api/entities", {"entity_type": kind, "entity_id": name, "title": name}, self.author)
        return name

    def market(self) -> str:
        name = self.entity("hypothesis")
        self.must("/api/market/open", {"market": name, "artifact_id": name, "question": "?", "liquidity": 10})
        return name

    def output(self) -> str:
        name = self.entity("analysis")
        body = {"output_type": "analysis", "output_id": name}
        self.must("/api/token/outputs", body, self.author)
        return name

    def bounty(self) -> str:
        body = {"amount": 400, "artifact_id": "human-blood-brain-organoid", "purpose": "p", "seconds": 86_400}
        found: str = self.must("/api/market/bounties", body)["bounty"]
        return found

    def hold(self) -> str:
        account = "actor:some-owner/wallet/token"
        body = {"debit": account, "credit": "actor:bob/wallet/token", "amount": 5, "seconds": 500, "reason": "t"}
        found: str = self.must("/api/ledger/holds", body)["hold"]
        return found

    def reservation(self) -> str:
        body = {"artifact_type": "hypothesis", "artifact_id": "tau-spreads-trans-synaptically", "api_calls": 2}
        found: str = self.must("/api/economics/reservations", body)["reservation"]
        return found

    def item(self, kind: str | None = None) -> str:
        subject = {"artifact_type": "hypothesis", "artifact_id": "tau-spreads-trans-synaptically"}
        body = {**subject, "kind": kind or self.name("kind"), "api_calls": 1}
        found: str = self.must("/api/work/items", body)["item"]
        return found

    def claim(self) -> str:
        kind = self.name("kind")
        self.item(kind)
        found: str = self.must("/api/work/claim", {"kinds": [kind], "seconds": 60}, self.author)["claim"]
        return found

    def key(self) -> str:
        found: str = self.must("/api/keys", {"scopes": ["read"]})["key"]
        return found

    def edge(self) -> str:
        stated = {"subject": self.name("s"), "predicate": "p", "object": "o", "source": "PMID:22365544"}
        body = {"artifact_type": "hypothesis", "artifact_id": "tau-spreads-trans-synaptically", "edges": [stated]}
        made = self.must("/api/knowledge/edges", body, self.author)["edges"][0]["edge"]
        assert isinstance(made, str)
        return made

    def gain(self) -> str:
        name = self.name("paper")
        gains = [{"kind": "paper", "reference": name}]
        body = {"artifact_type": "hypothesis", "artifact_id": "tau-spreads-trans-synaptically", "gains": gains}
        self.must("/api/knowledge/edges", body, self.author)
        return name

    def proposal(self) -> str:
        body = {
            "artifact_id": "human-blood-brain-organoid",
            "evidence": [{"reference": f"PMID:{10_000_000 + next(self.numbers)}", "shows": "it", "sort": "paper"}],
            "expected": [{"amount": "40", "measure": "edges", "within_s": 1_209_600}],
            "justification": "two of three",
            "requested": {"cpu_seconds": 1},
        }
        found: str = self.must("/api/senate/proposals", body)["proposal"]
        return found

    def submitted(self, bounty: str) -> str:
        """Work of the author for a bounty."""
        name = self.entity("analysis")
        self.must(f"/api/market/bounties/{bounty}/claim", {"seconds": 3600}, self.author)
        self.must(
            f"/api/market/bounties/{bounty}/submit",
            {"output_type": "analysis", "output_id": name, "note": "n"},
            self.author,
        )
        return name

    def prepared(self, of: Operation) -> tuple[str, Any]:
        """The path and the body of the example, about things made for this route."""
        named = {
            each: getattr(self, each)()
            for each in re.findall(r"{(bounty|hold|reservation|key|proposal|item|claim)}", of.path)
        }
        for each in re.findall(r"{(\w+)}", of.path):
            named.setdefault(each, {"artifact_type": "hypothesis"}.get(each, "tau-spreads-trans-synaptically"))
        path = re.sub(r"{(\w+)}", lambda found: named[found[1]], of.path)
        body = copy.deepcopy(of.body)
        if of.name in ("post_transfer", "post_hold"):
            body = json.loads(json.dumps(body).replace("actor:alice", "actor:some-owner"))
        if of.name == "post_retire":
            body |= {"account": "actor:some-owner/wallet/token", "amount": 5}
        if isinstance(body, dict):
            self.about_new_things(of, named, body)
        return path, body

    def about_new_things(self, of: Operation, named: dict[str, str], body: dict[str, Any]) -> None:
        body.pop("idempotency_key", None)
        body.pop("wait_s", None)
        if "market" in body:
            body["market"] = self.market()
        if "edge" in body:
            body["edge"] = self.edge()
        if "same_as" in body:
            body["same_as"] = self.edge()
        if of.name == "post_edges_judged":
            body["verdicts"] = [{"edge": self.edge(), "right": True}]
        if of.name == "post_gain_retracted":
            body["reference"] = self.gain()
        if of.name in ("post_bounty_release", "post_bounty_submit"):
            self.must(f"/api/market/bounties/{named['bounty']}/claim", {"seconds": 3600}, self.author)
        if "output_id" in body:
            if of.name in ("post_bounty_award", "post_bounty_decline"):
                body["output_id"] = self.submitted(named["bounty"])
            else:
                recorded = of.name in ("post_output_verified", "post_output_retracted")
                body["output_id"] = self.output() if recorded else self.entity("analysis")
