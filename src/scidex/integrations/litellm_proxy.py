"""LiteLLM's proxy within a budget: a callback for its configuration, which names an instance made in a file beside it.

::

    # budget.py                                                    # config.yaml
    from scidex import Client                                      litellm_settings:
    from scidex.integrations.litellm import Meter                    callbacks: budget.logger
    from scidex.integrations.litellm_proxy import BudgetLogger

    logger = BudgetLogger(Meter(Client("http://localhost:8765", key="scidex_..."), ("hypothesis", "h1")))
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

from litellm.integrations.custom_logger import CustomLogger

from scidex.integrations.litellm import Meter
from scidex.integrations.litellm_call import Call

_KINDS = ("completion", "acompletion", "embedding", "aembedding")
_FORGOTTEN_S = 3600
"""After so long a call of which the proxy said no more is forgotten; its reservation has expired by then."""


class BudgetLogger(CustomLogger):  # type: ignore[misc]  # its library is not looked into
    """Reserves before the proxy makes a call, and settles once it is answered, has failed, or was broken off.

    The artifact is that of the meter, or is named as in the meter's calls: in the metadata of the virtual key, or of
    the request.
    """

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter
        self._calls: dict[str, tuple[float, Call]] = {}

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Reserve, and bound the answer. Raises litellm's APIError, which the proxy answers with its status."""
        if call_type not in _KINDS:
            return data
        sent = data.get("metadata") or {}
        said = {**_named(getattr(user_api_key_dict, "metadata", None)), **_named(sent.get("requester_metadata"))}
        call = await asyncio.to_thread(self._meter.begin, {**data, "metadata": {**said, **_named(sent)}})
        now = time.monotonic()
        self._calls = {name: kept for name, kept in self._calls.items() if now - kept[0] < _FORGOTTEN_S}
        name = data.setdefault("litellm_call_id", str(uuid4()))
        self._calls[str(name)] = now, call
        bounds: dict[str, Any] = {
            each: call.asked[each] for each in ("max_tokens", "stream_options") if each in call.asked
        }
        return {**data, **bounds}

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:
        """Settle with what the answer says that it used."""
        call = self._taken(data)
        if call is not None:
            await call.aend(call.answered, response)
        return response

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """Let the reservation of a call that failed go."""
        call = self._taken(request_data)
        if call is not None:
            await call.aend(call.failed, original_exception)

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Pass a stream on, and settle at its end, or when its reader has left."""
        call = self._taken(request_data)
        how = "broken off"
        try:
            async for chunk in response:
                if call is not None:
                    call.see(chunk)
                yield chunk
            how = "read to its end"
        finally:
            if call is not None:
                await call.aend(call.end, how)

    def _taken(self, data: Mapping[str, Any]) -> Call | None:
        found = self._calls.pop(str(data.get("litellm_call_id")), None)
        return None if found is None else found[1]


def _named(metadata: Any) -> dict[str, Any]:
    """What of some metadata is meant for us."""
    if not isinstance(metadata, Mapping):
        return {}
    return {name: told for name, told in metadata.items() if str(name).startswith("scidex.")}
