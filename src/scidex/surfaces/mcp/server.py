"""The server: what it lists, and how it answers one call, whatever carries it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

import mcp_types as types
import structlog
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from scidex.access import Principal
from scidex.core.errors import Busy, Invalid, Refusal
from scidex.economy import Economy
from scidex.policy import current
from scidex.surfaces.mcp import prompt
from scidex.surfaces.mcp.batch import BATCH
from scidex.surfaces.mcp.bounties import BOUNTIES
from scidex.surfaces.mcp.budgets import BUDGETS
from scidex.surfaces.mcp.caller import Caller
from scidex.surfaces.mcp.insight import INSIGHT
from scidex.surfaces.mcp.knowledge import KNOWLEDGE
from scidex.surfaces.mcp.ledger import LEDGER
from scidex.surfaces.mcp.markets import MARKETS
from scidex.surfaces.mcp.resources import JSON, MANY, SINGLE, find_resource
from scidex.surfaces.mcp.senate import SENATE
from scidex.surfaces.mcp.tool import Tool, allowed, denied
from scidex.surfaces.mcp.work import WORK
from scidex.views import Known, explained, facts_of

Context = ServerRequestContext[Any, Any]
Page = types.PaginatedRequestParams | None
_LISTS_MS = 3_600_000
"""How long a client may keep a list: it changes with the version of the program only."""
_TOPICS = (WORK, MARKETS, BUDGETS, BOUNTIES, KNOWLEDGE, SENATE, LEDGER, INSIGHT)
log = structlog.get_logger("scidex.mcp")


class ArgumentsInvalid(Invalid):
    """The arguments of {tool} cannot be understood: {problem}. Mend them; its inputSchema says what it takes."""


class ToolsUnknown(Invalid):
    """There are no tools {topic}_*; the topics are {known}."""


class Asking(NamedTuple):
    """Who asks, and of which topics they want to see the tools: of all if there are none."""

    principal: Principal
    shown: tuple[str, ...] = ()


def check_topics(given: Sequence[str]) -> tuple[str, ...]:
    """The topics themselves, by which tools are named. Refuses: ToolsUnknown."""
    known = sorted({name.partition("_")[0] for name in tools()})
    for topic in given:
        if topic not in known:
            raise ToolsUnknown(topic=topic[:40], known=", ".join(known))
    return tuple(given)


@cache
def tools() -> Mapping[str, Tool]:
    """Every tool by its name, in the order in which they are listed."""
    found = [tool for topic in _TOPICS for tool in topic.tools]
    return MappingProxyType({tool.name: tool for tool in [*found, BATCH]})


def create_server(economy: Economy, who: Callable[[Any], Asking]) -> Server[Any]:
    """A server over an open economy, which the caller closes; `who` tells who asks with a request."""
    desk = _Desk(economy, who)
    lists = CacheHint(ttl_ms=_LISTS_MS, scope="public")
    return Server(
        "scidex",
        title="SciDEX",
        version=version("scidex"),
        instructions=prompt.INSTRUCTIONS,
        on_list_tools=desk.list_tools,
        on_call_tool=desk.call_tool,
        on_list_resources=desk.list_resources,
        on_list_resource_templates=desk.list_templates,
        on_read_resource=desk.read_resource,
        on_list_prompts=desk.list_prompts,
        on_get_prompt=desk.get_prompt,
        cache_hints={
            "tools/list": lists,
            "resources/list": lists,
            "resources/templates/list": lists,
            "prompts/list": lists,
        },
    )


@cache
def _listed() -> tuple[types.Tool, ...]:
    return tuple(tool.listed() for tool in tools().values())


class _Desk:
    """Answers requests, each by itself: nothing is remembered between them but what never changes."""

    def __init__(self, economy: Economy, who: Callable[[Any], Asking]) -> None:
        self._economy = economy
        self._who = who
        self._known = Known()
        self._tools = tools()

    async def list_tools(self, context: Context, params: Page) -> types.ListToolsResult:
        shown = self._who(context.request).shown
        listed = [tool for tool in _listed() if not shown or tool.name.partition("_")[0] in shown]
        return types.ListToolsResult(tools=listed)

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(
                types.INVALID_PARAMS, f"There is no tool {params.name[:100]!r}; tools/list says what there is."
            )
        try:
            caller = self._caller(context)
            caller.principal.require(*tool.scopes)
            answer = allowed(await tool.carry_out(caller, _arguments(tool, params.arguments or {})))
        except Refusal as refusal:
            answer = denied(refusal)
        except Exception:
            request_id = structlog.contextvars.get_contextvars().get("request_id") or uuid4().hex[:12]
            log.exception("call failed", request_id=request_id, tool=tool.name)
            said = f"The server failed on this call. Repeat it with the same key; if it stays so, report {request_id}."
            return types.CallToolResult(content=[types.TextContent(type="text", text=said)], is_error=True)
        # For clients that do not read structured content.
        text = types.TextContent(type="text", text=json.dumps(answer, separators=(",", ":"), ensure_ascii=False))
        return types.CallToolResult(content=[text], structured_content=answer)

    async def list_resources(self, context: Context, params: Page) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[each.listed() for each in SINGLE])

    async def list_templates(self, context: Context, params: Page) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[each.listed_template() for each in MANY])

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(params.uri)
        try:
            read = find_resource(uri)
            caller = self._caller(context)
            caller.principal.require("read")
            text = await caller.read(read)
        except Refusal as refusal:
            raise _protocol_error(refusal) from None
        contents = types.TextResourceContents(uri=uri, mime_type=JSON, text=text)
        return types.ReadResourceResult(contents=[contents], cache_scope="private", ttl_ms=0)

    async def list_prompts(self, context: Context, params: Page) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[types.Prompt(name=prompt.NAME, description=prompt.DESCRIPTION)])

    async def get_prompt(self, context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        if params.name != prompt.NAME:
            raise MCPError(types.INVALID_PARAMS, f"There is no prompt {params.name[:100]!r}; there is {prompt.NAME!r}.")
        try:
            caller = self._caller(context)
            policy, number = await caller.read(current)
        except Refusal as refusal:
            raise _protocol_error(refusal) from None
        said = types.TextContent(type="text", text=prompt.explained(policy, number, caller.actor))
        return types.GetPromptResult(
            description=prompt.DESCRIPTION, messages=[types.PromptMessage(role="user", content=said)]
        )

    def _caller(self, context: Context) -> Caller:
        return Caller(self._economy, self._who(context.request).principal, self._known)


def _arguments(tool: Tool, given: dict[str, Any]) -> Any:
    try:
        return tool.arguments.model_validate(given)
    except ValidationError as error:
        problem = explained(error.errors(include_url=False, include_input=False))
        raise ArgumentsInvalid(tool=tool.name, problem=problem) from None


def _protocol_error(refusal: Refusal) -> MCPError:
    # What is read has no place for a denial, so it is an error that says the same.
    code = types.INTERNAL_ERROR if isinstance(refusal, Busy) else types.INVALID_PARAMS
    return MCPError(code, str(refusal), {"code": refusal.code, "family": refusal.family, "facts": facts_of(refusal)})
