"""Every route names the scope that it needs, once; what is forgotten is closed."""

from __future__ import annotations

from typing import get_args

import pytest
from fastapi.routing import APIRoute

from scidex.keys import PRESETS, SCOPES
from scidex.surfaces.http import create_app
from scidex.surfaces.http.inputs import _reader
from scidex.surfaces.http.rights import OPEN_PATHS, SCOPES_OF_ROUTES, scopes_of
from scidex.views import LINES

UNGUARDED = {"get_health"}
"""Routes that need nobody."""


@pytest.fixture(scope="module")
def routes(shared):
    return list(routes_in(create_app(shared).routes))


def routes_in(found):
    for route in found:
        if hasattr(route, "original_router"):  # what FastAPI makes of a router that is included
            yield from routes_in(route.original_router.routes)
        elif isinstance(route, APIRoute):
            yield route


def test_every_change_has_its_scope_in_the_table_and_the_table_has_nothing_else(routes):
    names = {route.name for route in routes}
    changes = {route.name for route in routes if route.methods - {"GET"}}
    assert sorted(changes - SCOPES_OF_ROUTES.keys()) == [], "put it into surfaces/http/rights.py"
    assert sorted(SCOPES_OF_ROUTES.keys() - names) == []
    assert {scope for scopes in SCOPES_OF_ROUTES.values() for scope in scopes} <= SCOPES.keys()


def test_what_the_table_forgets_is_for_operators_keys():
    assert scopes_of("post_forgotten", {"POST"}) == ("operate",)
    assert scopes_of("get_forgotten", {"GET"}) == ("read",)


def test_every_route_asks_who_is_there_and_what_they_may_ask_for(routes):
    def calls(dependant):
        return {dependant.call, *(call for each in dependant.dependencies for call in calls(each))}

    unguarded = {route.name for route in routes if _reader not in calls(route.dependant)}
    assert unguarded == UNGUARDED
    assert {route.path for route in routes if route.name in UNGUARDED} <= OPEN_PATHS


def test_every_line_of_a_batch_needs_what_its_route_needs():
    kinds = get_args(get_args(LINES._type)[0])
    of_routes = {
        "transfer": "post_transfer",
        "hold": "post_hold",
        "post": "post_hold_post",
        "void": "post_hold_void",
        "buy": "post_order",
        "sell": "post_order",
        "reserve": "post_reservation",
        "settle": "post_settle",
        "release": "post_release",
        "extend": "post_extend",
        "learn": "post_edges",
        "usage": "post_usage",
        "limit": "post_limit",
        "cancel": "post_cancel",
        "liquidity": "post_liquidity",
        "offer": "post_bounty",
        "add": "post_bounty_add",
        "claim": "post_bounty_claim",
        "submit": "post_bounty_submit",
        "award": "post_bounty_award",
        "record": "post_output",
        "verify": "post_output_verified",
        "retract": "post_output_retracted",
        "work_add": "post_work_item",
        "work_finish": "post_work_finish",
    }
    lines = {get_args(kind.model_fields["do"].annotation)[0]: kind.SCOPES for kind in kinds}
    assert lines == {do: SCOPES_OF_ROUTES[route] for do, route in of_routes.items()}


def test_presets_are_made_of_scopes_and_only_operators_have_all():
    assert all(set(scopes) <= SCOPES.keys() for scopes in PRESETS.values())
    assert [name for name, scopes in PRESETS.items() if set(scopes) == set(SCOPES)] == ["operator"]
