"""Models' hosts as they come: the SDK's own client lists and calls every tool, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import psycopg
import pytest
import uvicorn
from jsonschema import Draft202012Validator
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs
from tests.mcp import world

from mcp import MCPError
from scidex.access import SCOPES, Principal
from scidex.core.settings import Settings
from scidex.core.units import TOKEN, UNITS
from scidex.economy import Economy
from scidex.lab import audit
from scidex.ledger import find_account, wallet_of
from scidex.surfaces.http import create_app
from scidex.surfaces.mcp import Endpoint, create_server, tools
from scidex.surfaces.mcp.server import Asking

NOWHERE = Path("/nonexistent")
ACTORS = ("alice", "rita")


@pytest.fixture(scope="module")
def founded(server: str) -> Iterator[str]:
    """The database of the world, founded in the past."""
    name = "world_of_mcp"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_scidex".encode())
    calendar = world.Calendar()
    settings = Settings(home=NOWHERE, database_url=make_conninfo(server, dbname=name))
    with Economy.open(settings, clock=calendar) as economy:
        world.found(economy, calendar)
    yield name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database(founded: str, new_database: Callable[[str], str]) -> str:
    """The world as it is today, to change."""
    return new_database(founded)


@pytest.fixture
def economy(database: str) -> Iterator[Economy]:
    with Economy.open(Settings(home=NOWHERE, database_url=database)) as opened:
        yield opened


@contextmanager
def serving(economy: Economy) -> Iterator[str]:
    """The address of a server with MCP beside it."""
    app = create_app(economy, {"/mcp": Endpoint(economy)})
    running = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on"))
    thread = Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            time.sleep(0.005)
        host, port = running.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        running.should_exit = True
        thread.join()


@asynccontextmanager
async def over_http(url: str, actor: str, path: str = "/mcp") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"X-Scidex-Actor": actor}, timeout=30) as http,
        Client(streamable_http_client(f"{url}{path}", http_client=http)) as client,
    ):
        yield client


def command(database: str, actor: str, *arguments: str) -> StdioServerParameters:
    """How a host starts the server."""
    env = {"SCIDEX_DATABASE_URL": database, "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "PYTHONWARNINGS": "error"}
    return StdioServerParameters(
        command=sys.executable, args=["-m", "scidex", "--actor", actor, "mcp", *arguments], env=env
    )


@asynccontextmanager
async def over_stdio(database: str, actor: str, *arguments: str) -> AsyncIterator[Client]:
    async with Client(stdio_client(command(database, actor, *arguments))) as client:
        yield client


async def play(clients: dict[str, Client]) -> None:
    """Every tool is listed, described, allowed once and denied once; the client checks answers by their schema."""
    listed = (await clients["alice"].list_tools()).tools
    assert {tool.name for tool in listed} == set(tools())
    await clients["rita"].list_tools()

    async def call(actor: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await clients[actor].call_tool(tool, arguments)
        assert not result.is_error, result
        assert json.loads(result.content[0].text) == result.structured_content
        return result.structured_content

    script = world.Script(call)
    for part in world.PARTS:
        await part(script)
    assert script.allowed == set(tools())
    assert script.denied == set(tools())


def test_every_tool_over_http(economy: Economy):
    async def visit(url: str) -> None:
        async with over_http(url, "alice") as alice, over_http(url, "rita") as rita:
            await play({"alice": alice, "rita": rita})

    with serving(economy) as url:
        asyncio.run(visit(url))
    economy.seal()
    with economy.reading() as tx:
        assert audit(tx).ok


def test_every_tool_over_stdio(database: str):
    async def visit() -> None:
        async with AsyncExitStack() as stack:
            opened = [stack.enter_async_context(over_stdio(database, actor)) for actor in ACTORS]
            await play(dict(zip(ACTORS, [await each for each in opened], strict=True)))

    asyncio.run(visit())
    with Economy.open(Settings(home=NOWHERE, database_url=database)) as economy, economy.reading() as tx:
        assert audit(tx).ok


def test_what_is_listed_is_sound():
    listed = [tool.listed() for tool in tools().values()]
    for tool in listed:
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        examples = tool.input_schema["examples"]
        for example in examples:
            Draft202012Validator(tool.input_schema).validate(example)
            # What the schema takes the server takes.
            tools()[tool.name].arguments.model_validate(example)
        assert tool.description.endswith(".") and len(tool.description) <= 400 and "\n" not in tool.description
        hints = tool.annotations
        assert hints.read_only_hint is ("idempotency_key" not in tool.input_schema["properties"])
        assert hints.idempotent_hint and hints.open_world_hint is False
        assert not (hints.read_only_hint and hints.destructive_hint)
    assert {scope for tool in tools().values() for scope in tool.scopes} <= set(SCOPES)
    assert {tool.name for tool in listed if tool.annotations.destructive_hint} == {
        "bounty_refund",
        "knowledge_retract",
        "knowledge_retract_gain",
        "output_retract",
        "proposal_withdraw",
        "work_withdraw",
    }


def test_resources_prompt_and_topics_over_http(economy: Economy):
    async def visit(url: str) -> None:
        async with over_http(url, "alice", "/mcp?tools=market,bounty") as alice:
            shown = {tool.name.partition("_")[0] for tool in (await alice.list_tools()).tools}
            assert shown == {"market", "bounty"}
            templates = {each.uri_template for each in (await alice.list_resource_templates()).resource_templates}
            assert "scidex://budgets/{artifact_type}/{+artifact_id}" in templates
            policy = await read(alice, "scidex://policy")
            assert policy["version"] == 1
            assert "BuyLine" in (await read(alice, "scidex://lines"))["$defs"]
            assert (await read(alice, "scidex://artifacts/gap/g"))["title"] == "Title of g"
            assert (await read(alice, "scidex://markets/m"))["state"] == "open"
            assert (await read(alice, "scidex://books/m"))["market"] == "m"
            assert (await read(alice, "scidex://budgets/gap/g"))["artifact_id"] == "g"
            assert (await read(alice, "scidex://decisions/gap/g"))["review"]["cycle"] == "2026-W01"
            for uri, code in {
                "scidex://budgets/gap/nothing": "unknown_entity",
                "scidex://proposals/p999": "unknown_proposal",
                "scidex://moon": "address_unknown",
            }.items():
                with pytest.raises(MCPError) as refused:
                    await alice.read_resource(uri)
                assert (refused.value.code, refused.value.data["code"]) == (-32602, code)
            (message,) = (await alice.get_prompt("economy")).messages
            assert "You are `alice`" in message.content.text and "50 US dollars" in message.content.text
            with pytest.raises(MCPError, match="no tool 'sing'"):
                await alice.call_tool("sing", {})
            with pytest.raises(MCPError, match="no prompt 'sing'"):
                await alice.get_prompt("sing")

    async def read(client: Client, uri: str) -> Any:
        (contents,) = (await client.read_resource(uri)).contents
        return json.loads(contents.text)

    with serving(economy) as url:
        asyncio.run(visit(url))


def test_tools_that_the_prompt_and_the_instructions_name_are_there(economy: Economy):
    async def text() -> str:
        async with Client(create_server(economy, lambda request: Asking(Principal("alice")))) as client:
            return str(client.instructions) + (await client.get_prompt("economy")).messages[0].content.text

    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", asyncio.run(text())))
    words = {"max_output_tokens", *UNITS}
    assert len(named - words) >= 20
    assert named - words <= set(tools())


def test_what_http_refuses_before_any_tool(economy: Economy, database: str):
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accept = {"Accept": "application/json, text/event-stream"}
    with serving(economy) as url, httpx2.Client(base_url=url, headers=accept) as http:
        assert http.post("/mcp", json=ping).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        assert (http.get("/mcp").status_code, http.delete("/mcp").headers["allow"]) == (405, "POST")
        assert http.post("/mcp", json=ping, headers={"Origin": "https://evil.example"}).status_code == 403
        assert http.post("/mcp?tools=sing", json=ping).json()["error"]["data"]["code"] == "tools_unknown"
        forged = http.post("/mcp", json=ping, headers={"Authorization": "Bearer scidex_forged"})
        assert forged.status_code == 401 and forged.headers["www-authenticate"].startswith("Bearer ")
        assert forged.json()["code"] == "key_refused"
        assert http.post("/mcp", json=ping, headers={"X-Scidex-Actor": "system"}).json()["code"] == "reserved_name"
        assert http.post("/mcp", content=b"x" * (2**20 + 1)).status_code == 413
    with (
        Economy.open(Settings(home=NOWHERE, database_url=database, auth="keys")) as strict,
        serving(strict) as url,
        httpx2.Client(base_url=url, headers=accept) as http,
    ):
        assert http.post("/mcp", json=ping, headers={"X-Scidex-Actor": "alice"}).status_code == 401


def test_a_key_without_the_scope_is_denied(economy: Economy):
    async def visit() -> None:
        reader = Principal("alice", "k1", frozenset({"read"}))
        async with Client(create_server(economy, lambda request: Asking(reader))) as client:
            sound = await client.call_tool("market_quote", {"market": "m", "outcome": "yes", "spend": 1})
            assert sound.structured_content["decision"] == "ALLOW"
            leg = {"debit": "actor:alice/wallet/token", "credit": "actor:bob/wallet/token", "amount": 1}
            line = {"do": "transfer", "legs": [leg], "reason": "r"}
            denied = await client.call_tool("market_buy", {"market": "m", "outcome": "yes", "spend": 1})
            assert (denied.structured_content["decision"], denied.structured_content["code"]) == (
                "DENY",
                "scope_missing",
            )
            answer = (await client.call_tool("batch", {"lines": [line]})).structured_content["answer"]
            assert answer["lines"][0]["problem"]["code"] == "scope_missing"

    asyncio.run(visit())


def test_a_bug_is_an_error_with_a_request_id(economy: Economy):
    class Broken(Economy):
        def __init__(self) -> None:
            pass

    async def visit() -> None:
        async with Client(create_server(Broken(), lambda request: Asking(Principal("alice")))) as client:
            result = await client.call_tool("market_find", {})
        assert result.is_error and result.structured_content is None
        assert logged[0]["request_id"] in result.content[0].text

    with capture_logs() as logged:
        asyncio.run(visit())
    assert logged[0]["event"] == "call failed"


def test_many_calls_at_once_happen_once_each(economy: Economy):
    leg = {"debit": "actor:alice/wallet/token", "credit": "actor:bob/wallet/token", "amount": 1}

    with economy.reading() as tx:
        before = find_account(tx, wallet_of("bob")).balance

    async def visit(url: str) -> None:
        async with over_http(url, "alice") as alice:
            calls = [
                alice.call_tool("ledger_transfer", {"legs": [leg], "reason": "r", "idempotency_key": f"t {number}"})
                for number in [*range(40), *range(40)]
            ]
            answers = [result.structured_content for result in await asyncio.gather(*calls)]
        assert {answer["decision"] for answer in answers} == {"ALLOW"}
        assert sum(answer["answer"]["repeated"] for answer in answers) == 40
        assert len({answer["answer"]["number"] for answer in answers}) == 40

    with serving(economy) as url:
        asyncio.run(visit(url))
    with economy.reading() as tx:
        after = find_account(tx, wallet_of("bob")).balance
    assert after - before == 40 * TOKEN.parts


def started(database: str, *arguments: str) -> subprocess.Popen[str]:
    given = command(database, "alice", *arguments)
    env = {**os.environ, **(given.env or {})}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [given.command, *given.args], env=env, text=True, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=1
    )


def answered(process: subprocess.Popen[str]) -> None:
    """Until the server has answered a first request."""
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + "\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == 1


def test_ctrl_c_ends_stdio_quietly(new_database: Callable[[], str]):
    process = started(new_database())
    answered(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("", "")
    assert process.returncode == 0


def test_the_end_of_input_ends_stdio_quietly(new_database: Callable[[], str]):
    process = started(new_database())
    answered(process)
    assert (*process.communicate(timeout=60), process.returncode) == ("", "", 0)
