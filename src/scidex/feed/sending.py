"""One message to one address: signed as Standard Webhooks says, over a connection that leads only where it may."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import time
from typing import NamedTuple

import httpx

from scidex.feed.hooks import Webhook
from scidex.feed.webhooks import SECRET_PREFIX

MEDIA_TYPE = "application/cloudevents+json"
_MOST_ANSWER_BYTES = 16_384
"""So much of an answer is read, that the connection may serve for the next message; nothing of it is kept."""
_LONGEST_PAUSE_S = 3600.0
_EMBEDDING = [ipaddress.ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]
"""IPv6 that leads to an IPv4 address, whichever that is."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Answer(NamedTuple):
    """What came of a message. `problem` is None where it was taken; `pause_s` is how long the receiver asks to wait."""

    status: int | None
    problem: str | None
    pause_s: float = 0.0


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature, version 1: HMAC-SHA256 over id, time and body (standardwebhooks.com).

    >>> secret, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    >>> signature(secret, id, 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, and none that leads back into this or any private network.

    >>> given = ("8.8.8.8", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")
    >>> [is_public(ipaddress.ip_address(each)) for each in given]
    [True, False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _EMBEDDING):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _address_of(url: httpx.URL, private: bool) -> str | None:
    """The address to connect to: looked up once, so that what was checked is what is connected to."""
    found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port or 0, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    # One that is not public refuses them all: whoever mixes them means to get in by another try.
    if not private and not all(is_public(ipaddress.ip_address(each)) for each in addresses):
        return None
    return addresses[0]


async def send(client: httpx.AsyncClient, hook: Webhook, id: str, body: bytes, *, timeout_s: float) -> Answer:
    """Send one message and hear whether it was taken; whatever goes wrong is the answer's problem."""
    timestamp, url = int(time.time()), httpx.URL(hook.url)
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": MEDIA_TYPE,
        "User-Agent": "SciDEX-Webhooks",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(hook.secret, id, timestamp, body),
    }
    try:
        async with asyncio.timeout(timeout_s):
            address = await _address_of(url, hook.private)
            if address is None:
                return Answer(None, "its host has an address that is not public; an operator may allow that (private)")
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers=headers,
                extensions={"sni_hostname": url.host},
            )
            response = await client.send(request, stream=True)
            try:
                return await _answer(response)
            finally:
                await response.aclose()
    except TimeoutError:
        return Answer(None, f"no answer within {timeout_s:g} s")
    except (httpx.HTTPError, OSError, ValueError) as error:
        return Answer(None, f"{type(error).__name__}: {error}"[:200])


async def _answer(response: httpx.Response) -> Answer:
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read > _MOST_ANSWER_BYTES:
            break
    if response.is_success:
        return Answer(response.status_code, None)
    if response.is_redirect:
        return Answer(response.status_code, "it redirects, which is not followed; give the address that it leads to")
    asked = response.headers.get("retry-after", "")
    pause = min(float(asked[:10]), _LONGEST_PAUSE_S) if asked.isdecimal() else 0.0
    return Answer(response.status_code, f"it answered {response.status_code}", pause)
