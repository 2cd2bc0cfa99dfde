"""What can be read by address: artifacts, markets, books, budgets, decisions, proposals, the policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import mcp_types as types
from mcp.shared.uri_template import UriTemplate
from pydantic import BaseModel

from scidex.core.db import Tx
from scidex.core.errors import Missing
from scidex.entities import EntityKey, find_entity
from scidex.exchange.markets import find_market
from scidex.policy import find_policy
from scidex.senate.budgets import budget_of, find_budget
from scidex.senate.proposals import find_proposal
from scidex.senate.reviews import find_last_decision
from scidex.views import (
    LINES,
    book_of,
    entity_view,
    envelope_view,
    market_view,
    policies,
    proposals,
    reviews,
)

JSON = "application/json"


class AddressUnknown(Missing):
    """There is no resource {uri}; resources/list and resources/templates/list say what there is."""


@dataclass(frozen=True)
class Resource:
    """What stands at the addresses of a template, which may be a single address."""

    name: str
    template: UriTemplate
    description: str
    read: Callable[..., BaseModel | dict[str, Any]]

    def listed(self) -> types.Resource:
        """A single address as `resources/list` shows it."""
        return types.Resource(uri=str(self.template), name=self.name, description=self.description, mime_type=JSON)

    def listed_template(self) -> types.ResourceTemplate:
        """Many as `resources/templates/list` shows them."""
        return types.ResourceTemplate(
            uri_template=str(self.template), name=self.name, description=self.description, mime_type=JSON
        )


def _key(tx: Tx, artifact_type: str, artifact_id: str) -> EntityKey:
    return find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key


def _budget(tx: Tx, artifact_type: str, artifact_id: str) -> BaseModel:
    key = _key(tx, artifact_type, artifact_id)
    return envelope_view(key, find_budget(tx, key), budget_of(tx, key))


def _resource(name: str, template: str, description: str, read: Callable[..., Any]) -> Resource:
    return Resource(name, UriTemplate.parse(template), description, read)


SINGLE = (
    _resource(
        "policy",
        "scidex://policy",
        "Every number of the policy in force, with its version.",
        lambda tx: policies.policy_in_full(find_policy(tx, None)),
    ),
    _resource(
        "lines",
        "scidex://lines",
        "JSON Schema of the commands that the tool `batch` takes, one per line.",
        lambda tx: LINES.json_schema(),
    ),
)
MANY = (
    _resource(
        "artifact",
        "scidex://artifacts/{artifact_type}/{+artifact_id}",
        "A thing under research: its title, who proposed it, its domain.",
        lambda tx, artifact_type, artifact_id: entity_view(
            find_entity(tx, entity_id=artifact_id, entity_type=artifact_type)
        ),
    ),
    _resource(
        "market",
        "scidex://markets/{+market}",
        "A market with its terms, prices and state.",
        lambda tx, market: market_view(find_market(tx, market)),
    ),
    _resource(
        "book",
        "scidex://books/{+market}",
        "What orders would meet in a market now: depth by price, and what rests.",
        lambda tx, market: book_of(tx, find_market(tx, market)),
    ),
    _resource(
        "budget",
        "scidex://budgets/{artifact_type}/{+artifact_id}",
        "What an artifact was granted of each unit, what is reserved, spent and left of it.",
        _budget,
    ),
    _resource(
        "decision",
        "scidex://decisions/{artifact_type}/{+artifact_id}",
        "Why an artifact has its budget: the latest decision on it, with every input and the reasons in words.",
        lambda tx, artifact_type, artifact_id: reviews.why_view(
            *find_last_decision(tx, entity=_key(tx, artifact_type, artifact_id))
        ),
    ),
    _resource(
        "proposal",
        "scidex://proposals/{proposal}",
        "A proposal with its evidence, its reviewers and votes, and what happens next.",
        lambda tx, proposal: proposals.proposal_view(find_proposal(tx, proposal)),
    ),
)


def find_resource(uri: str) -> Callable[[Tx], str]:
    """How to read what stands there, as JSON. Refuses: AddressUnknown."""
    for resource in (*SINGLE, *MANY):
        found = resource.template.match(uri)
        if found is not None:
            return partial(_read, resource, found)
    raise AddressUnknown(uri=uri[:200])


def _read(resource: Resource, names: Mapping[str, Any], tx: Tx) -> str:
    found = resource.read(tx, **names)
    return json.dumps(found) if isinstance(found, dict) else found.model_dump_json(by_alias=True)
