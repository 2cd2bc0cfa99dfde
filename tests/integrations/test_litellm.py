"""LiteLLM within a budget: nothing above the cap is called, and what is called is recorded, also if it breaks off."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import litellm
import pytest
from tests.integrations.conftest import GAP, line, rows

from scidex import Client, lab
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.integrations.litellm import Meter
from scidex.integrations.litellm_proxy import BudgetLogger
from scidex.metering import UsageRow
from scidex.senate.budgets import SetBudget

# Warnings are errors in the house; these are of the library about itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydantic"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
]
ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 92}
INPUT = 8
"""Tokens of the message by the tokenizer of the model."""
ANSWER = "one two three four five six seven eight nine ten"


@pytest.fixture
def meter(office: Economy) -> Meter:
    return Meter(office, GAP, actor="alice", work="w1")


def cap(economy: Economy, tokens: int) -> None:
    economy.perform_all([Request(SetBudget(GAP, "main", (("llm_standard", tokens),)), "operator")])


def until(economy: Economy, found: Callable[[list[UsageRow]], bool]) -> list[UsageRow]:
    """The rows, once they are as they should be: what is left behind is settled in a thread of its own."""
    for thread in threading.enumerate():
        if thread.name.startswith("Thread-"):
            thread.join(10)
    there = rows(economy)
    assert found(there), there
    return there


def test_a_call_is_reserved_before_and_settled_after(office: Economy, meter: Meter) -> None:
    answer = meter.completion(**ASKED, mock_response=ANSWER)
    assert answer.choices[0].message.content == ANSWER
    (row,) = rows(office)
    assert (row.input_tokens, row.output_tokens) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert (row.model, row.provider, row.actor, row.work, row.source) == ("gpt-4o", "openai", "alice", "w1", "litellm")
    assert row.usd is not None
    assert line(office) == (0, row.amount, 50_000 - row.amount)


def test_without_a_bound_the_answer_is_as_long_as_was_set_aside(office: Economy, meter: Meter) -> None:
    call = meter.begin({"model": "gpt-4o", "messages": ASKED["messages"]})
    reserved = line(office)[0]
    assert call.asked["max_tokens"] == reserved - INPUT
    call.end("unused", release=True)
    assert line(office) == (0, 0, 50_000)


def test_what_there_is_no_room_for_is_not_called(office: Economy, meter: Meter) -> None:
    cap(office, 99)
    called: list[Any] = []
    meter._originals["completion"] = lambda **asked: called.append(asked)
    with pytest.raises(litellm.exceptions.APIError) as refused:
        meter.completion(**ASKED, num_retries=3)
    assert (refused.value.status_code, litellm._should_retry(402)) == (402, False)
    assert isinstance(refused.value.refusal, BudgetExhausted)
    assert called == []


@pytest.fixture
def cap_of_20(office: Economy) -> Economy:
    cap(office, 20 * (INPUT + 92))
    return office


def test_of_50_at_once_as_many_are_let_in_as_fit(cap_of_20: Economy, door: httpx.Client) -> None:
    with Client(str(door.base_url), actor="bob") as client:
        meters = [Meter(cap_of_20, GAP, actor="alice"), Meter(client, GAP)]

        async def run() -> int:
            asked = (meters[n % 2].acompletion(**ASKED, mock_response=ANSWER, stream=True) for n in range(50))
            found = await asyncio.gather(*asked, return_exceptions=True)
            answers = [each for each in found if not isinstance(each, Exception)]
            assert {each.status_code for each in found if isinstance(each, Exception)} == {402}
            assert line(cap_of_20) == (20 * (INPUT + 92), 0, 0)
            for answer in answers:
                assert "".join([part.choices[0].delta.content or "" async for part in answer]) == ANSWER
            return len(answers)

        assert asyncio.run(run()) == 20
    there = rows(cap_of_20)
    assert len(there) == 20
    assert {row.source for row in there} == {"litellm"}
    assert line(cap_of_20)[0] == 0
    with cap_of_20.reading() as tx:
        assert lab.audit(tx).ok


def test_of_50_calls_at_once_none_goes_over_the_cap(cap_of_20: Economy) -> None:
    meter = Meter(cap_of_20, GAP, actor="alice")

    async def ask() -> Any:
        try:
            return await litellm.acompletion(**ASKED, mock_response="word " * 92)
        except litellm.exceptions.APIError as refused:
            return refused.status_code

    async def run() -> list[Any]:
        return await asyncio.gather(*(ask() for _ in range(50)))

    with meter.installed():
        answers = asyncio.run(run())
    made = [answer for answer in answers if answer != 402]
    assert len(rows(cap_of_20)) == len(made) >= 20
    reserved, spent, available = line(cap_of_20)
    assert (reserved, spent + available) == (0, 2000)
    assert available >= 0


@pytest.mark.parametrize("how", ["closed", "dropped", "cancelled", "unread"])
def test_a_stream_that_breaks_off_is_recorded_as_an_estimate(office: Economy, meter: Meter, how: str) -> None:
    async def run() -> None:
        stream = await meter.acompletion(**ASKED, mock_response=ANSWER, stream=True)
        if how == "unread":
            return
        seen = ""
        async for chunk in stream:
            seen += chunk.choices[0].delta.content or ""
            if len(seen) > 12:
                break
        if how == "closed":
            await stream.aclose()
            await stream.aclose()
        if how == "cancelled":
            stream._inner = Stuck()
            reading = asyncio.ensure_future(stream.__anext__())
            await stream._inner.reached.wait()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    asyncio.run(run())
    gc.collect()
    (row,) = until(office, lambda there: len(there) == 1)
    assert row.source == "litellm estimate"
    told = json.loads(row.context or "")
    assert told["estimated"] == ["input_tokens", "output_tokens"]
    assert row.input_tokens == INPUT
    output = litellm.token_counter(model="gpt-4o", text=ANSWER[:15]) if how != "unread" else 0
    assert row.output_tokens == output
    assert line(office)[0] == 0


class Stuck:
    """A stream whose next part does not come."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def __anext__(self) -> Any:
        self.reached.set()
        await asyncio.Event().wait()


def test_a_stream_to_a_thread_is_settled_as_well(office: Economy, meter: Meter) -> None:
    with meter.installed():
        stream = litellm.completion(**ASKED, mock_response=ANSWER, stream=True)
        whole = "".join(part.choices[0].delta.content or "" for part in stream)
        broken = litellm.completion(**ASKED, mock_response=ANSWER, stream=True)
        next(broken)
        broken.close()
        broken.close()
    assert whole == ANSWER
    assert [row.source for row in rows(office)] == ["litellm", "litellm estimate"]
    assert litellm.completion is meter._originals["completion"]


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        ("litellm.RateLimitError", False),
        ("litellm.InternalServerError", False),
        (litellm.Timeout("late", "gpt-4o", "openai"), True),
    ],
)
def test_a_call_that_fails_releases_what_was_set_aside(
    office: Economy, meter: Meter, error: Any, recorded: bool
) -> None:
    with pytest.raises((litellm.RateLimitError, litellm.InternalServerError, litellm.Timeout)):
        meter.completion(**ASKED, mock_response=error)
    there = rows(office)
    assert [(row.input_tokens, row.output_tokens, row.source) for row in there] == (
        [(INPUT, 0, "litellm estimate")] if recorded else []
    )
    assert line(office)[0] == 0


def test_another_artifact_is_named_in_the_metadata(office: Economy, meter: Meter) -> None:
    with pytest.raises(litellm.exceptions.APIError, match="nowhere"):
        meter.completion(**ASKED, mock_response="x", metadata={"scidex.entity.id": "nowhere"})
    meter.completion(**ASKED, mock_response="x", metadata={"scidex.work.id": "w2"})
    assert [row.work for row in rows(office)] == ["w2"]


def test_embeddings_count_their_input(office: Economy, meter: Meter) -> None:
    meter.embedding("text-embedding-3-small", ["hello", "world"], mock_response=[0.1, 0.2])
    (row,) = rows(office)
    assert (row.input_tokens, row.output_tokens) == (row.amount, 0)
    assert row.model == "text-embedding-3-small"


def test_a_call_that_is_cancelled_while_it_reserves_holds_nothing(office: Economy, meter: Meter) -> None:
    async def run() -> None:
        asking = asyncio.ensure_future(meter.acompletion(**ASKED, mock_response="x"))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(run())
    until(office, lambda there: there == [])
    assert line(office) == (0, 0, 50_000)


def test_a_router_goes_through_the_meter_and_does_not_try_a_refusal_again(cap_of_20: Economy) -> None:
    meter = Meter(cap_of_20, GAP, actor="alice")
    asked: list[Any] = []
    begin = meter.begin
    meter.begin = lambda given: asked.append(given) or begin(given)  # type: ignore[method-assign]
    deployment = {"model": "gpt-4o", "api_key": "none", "mock_response": ANSWER}
    router = litellm.Router([{"model_name": "main", "litellm_params": deployment}], num_retries=3)
    said = {name: told for name, told in ASKED.items() if name != "model"}

    async def run() -> str:
        whole = await router.acompletion("main", **said)
        stream = await router.acompletion("main", stream=True, **said)
        text = "".join([part.choices[0].delta.content or "" async for part in stream])
        assert text == whole.choices[0].message.content == ANSWER
        with pytest.raises(litellm.exceptions.APIError) as refused:
            await router.acompletion("main", **{**said, "max_tokens": 5000})
        return str(refused.value.status_code)

    with meter.installed():
        assert asyncio.run(run()) == "402"
    assert len(asked) == 3
    assert [row.source for row in rows(cap_of_20)] == ["litellm", "litellm"]


class Key:
    """A virtual key of the proxy."""

    metadata = {"scidex.work.id": "of the key"}


def through_proxy(meter: Meter, **more: Any) -> tuple[BudgetLogger, dict[str, Any]]:
    """The callback, and a request that it has let in, as the proxy passes it on."""
    logger = BudgetLogger(meter)
    data = {**ASKED, "litellm_call_id": "c1", "metadata": {"other": 1}, **more}
    return logger, asyncio.run(logger.async_pre_call_hook(Key(), None, data, "acompletion"))


def test_the_proxy_settles_what_was_answered(office: Economy, meter: Meter) -> None:
    logger, data = through_proxy(meter)
    assert line(office)[0] == 100
    answer = litellm.completion(**data, mock_response=ANSWER)
    assert asyncio.run(logger.async_post_call_success_hook(data, Key(), answer)) is answer
    (row,) = rows(office)
    assert (row.amount, row.work, row.source) == (answer.usage.total_tokens, "of the key", "litellm")


def test_the_proxy_releases_what_failed_and_refuses_what_does_not_fit(office: Economy, meter: Meter) -> None:
    logger, data = through_proxy(meter)
    asyncio.run(logger.async_post_call_failure_hook(data, ValueError("no"), Key()))
    assert line(office) == (0, 0, 50_000)
    with pytest.raises(litellm.exceptions.APIError) as refused:
        through_proxy(meter, max_tokens=50_000)
    assert refused.value.status_code == 402


@pytest.mark.parametrize("whole", [True, False])
def test_the_proxy_settles_streams(office: Economy, meter: Meter, whole: bool) -> None:
    logger, data = through_proxy(meter, stream=True)
    assert data["stream_options"] == {"include_usage": True}

    async def run() -> None:
        answer = await litellm.acompletion(**data, mock_response=ANSWER)
        passed = logger.async_post_call_streaming_iterator_hook(Key(), answer, data)
        async for _ in passed:
            if not whole:
                break
        await passed.aclose()

    asyncio.run(run())
    assert [row.source for row in rows(office)] == ["litellm" if whole else "litellm estimate"]
    assert line(office)[0] == 0
