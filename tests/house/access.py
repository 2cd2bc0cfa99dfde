"""Who may ask for what over HTTP: the page docs/access.md, which tests/surfaces/test_access.py holds against every route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from scidex.keys import PRESETS, SCOPES
from scidex.surfaces.http.rights import OPEN_PATHS, scopes_of

CALLERS = {
    "agent": (),
    "funder": (),
    "auditor": ("auditor",),
    "issuer": ("issuer",),
    "resolver": ("resolver",),
    "reviewer": ("reviewer",),
    "operator": ("operator",),
}
"""Who asks, with a key of the preset of that name, and the roles that the actor has; those who may more come later."""
NOBODY = "nobody"
ITS_OWN = {
    **dict.fromkeys(("post_bounty_release", "post_bounty_submit"), ()),
    **dict.fromkeys(("post_work_heartbeat", "post_work_finish", "post_work_fail", "post_work_return"), ("operator",)),
    **dict.fromkeys(("post_bounty_award", "post_bounty_decline"), ("reviewer", "operator")),
    **dict.fromkeys(("post_output_retracted", "post_edge_retracted", "post_gain_retracted"), ("reviewer", "operator")),
    **dict.fromkeys(
        (
            *("post_liquidity", "post_plan", "post_cancel_plan", "post_staged", "post_refund", "post_output"),
            *("post_settle", "post_release", "post_extend", "post_proposal_open", "post_withdrawal"),
            *("post_transfer", "post_hold", "post_hold_post", "post_hold_void"),
            *("post_key_rotated", "post_key_revoked", "post_work_withdraw"),
        ),
        ("operator",),
    ),
}
"""What everybody may do with what is theirs, and which roles may with what is not."""
BY_ROLE = {
    **dict.fromkeys(
        (
            *("post_allocate", "post_spending", "put_budget", "put_limit", "post_override", "post_review"),
            "post_work_revive",
            *("post_resolve", "post_void"),
            "post_retire",  # and issuers, what is their own
        ),
        ("operator",),
    ),
    **dict.fromkeys(("post_close", "post_stage"), ("resolver", "operator")),
    **dict.fromkeys(
        (
            *("post_decision", "post_output_verified", "post_signal", "post_edges_judged", "post_edges_merged"),
            *("post_edge_split", "post_edge_reinstated"),
        ),
        ("reviewer", "operator"),
    ),
    "post_issue": ("issuer", "operator"),
    "post_vote": ("reviewer",),  # who has a seat
}
"""What only these roles may do. What is in neither table is open to every actor."""
PAGE = """\
# Who may do what over HTTP

Every route with the scopes of which a key needs one, and what comes of asking: `may`; `own`, only about what is the
asker's own; `no`, refused with 403. Each column asks with a key of the preset of that name (`scidex keys issue --for`),
as an actor that has the role, if there is one: agents and funders have none. Without a key, where SCIDEX_AUTH=keys, all
is refused with 401 but {open}.

A key can do what its scopes and the roles of its actor both allow. The lines of a batch need what their routes need.

| scope | for |
|---|---|
{scopes}

{table}"""


class Route(NamedTuple):
    """A route of the description."""

    name: str
    method: str
    path: str


def may(route: str, method: str, caller: str) -> str:
    """may, own, or no."""
    scopes = scopes_of(route, (method,))
    if scopes and not set(scopes) & set(PRESETS[caller]):
        return "no"
    roles = CALLERS[caller]
    if route in BY_ROLE:
        return "may" if set(BY_ROLE[route]) & set(roles) else "no"
    if route in ITS_OWN:
        return "may" if set(ITS_OWN[route]) & set(roles) else "own"
    return "may"


def routes_of(description: Mapping[str, Any]) -> Iterator[Route]:
    """Every route of a description, in its order."""
    for path, methods in description["paths"].items():
        for method, facts in methods.items():
            yield Route(facts["operationId"], method.upper(), path)


def access_page(routes: Iterable[Route]) -> str:
    """docs/access.md."""
    head = ("route", "scope", *CALLERS)
    rows = [
        (
            f"`{route.method} {route.path}`",
            " or ".join(scopes_of(route.name, (route.method,))) or "of each line",
            *(may(route.name, route.method, caller) for caller in CALLERS),
        )
        for route in routes
        if route.path not in OPEN_PATHS
    ]
    lines = [head, tuple("---" for _ in head), *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    scopes = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in SCOPES.items())
    return PAGE.format(open=", ".join(f"`{path}`" for path in sorted(OPEN_PATHS)), scopes=scopes, table=table)
