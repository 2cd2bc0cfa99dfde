"""The Python client has every operation of the API, exactly as the API describes it."""

from __future__ import annotations

import copy

from tests.house.client import BY_HAND, CLIENT, FOR_OTHERS, Schema, description, generated

from scidex import AsyncClient, Client

WRITE = "write it with: python -m tests.house.pages"


def check_methods(found: Schema) -> list[str]:
    """Operations that a client has no method for."""
    names = [said["operationId"] for methods in found["paths"].values() for said in methods.values()]
    return [
        f"{client.__name__} has no {name}"
        for client in (Client, AsyncClient)
        for name in names
        if name not in FOR_OTHERS and not callable(getattr(client, BY_HAND.get(name, name), None))
    ]


def test_the_client_is_what_the_api_describes() -> None:
    found = description()
    wanted = generated(found)
    there = {
        str(path.relative_to(CLIENT)): path.read_text(encoding="utf-8")
        for kind in ("models/*.py", "operations/*.py", "*methods.py", "given.py")
        for path in CLIENT.glob(kind)
        if path.name != "__init__.py"
    }
    assert sorted(there) == sorted(wanted), WRITE
    assert [name for name in wanted if there[name] != wanted[name]] == [], WRITE
    assert check_methods(found) == []


def test_a_route_or_an_argument_that_the_client_lacks_is_caught() -> None:
    found = copy.deepcopy(description())
    order = found["components"]["schemas"]["OrderBody"]["properties"]
    order["patience"] = {"type": "integer"}
    found["paths"]["/api/market/wish"] = copy.deepcopy(found["paths"]["/api/market/order"])
    found["paths"]["/api/market/wish"]["post"]["operationId"] = "post_wish"
    assert check_methods(found) == ["Client has no post_wish", "AsyncClient has no post_wish"]
    made = generated(found)
    assert "patience: int | None = None" in made["operations/markets.py"]
    assert "    post_wish = method(" in made["methods.py"]
