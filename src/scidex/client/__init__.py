"""The economy of a server from Python: `Client`, and `AsyncClient` to be awaited.

Every operation of the API is a method with typed arguments and answers. A refusal is raised as the class that it is in
the server: `except InsufficientFunds` works on both sides of the wire. Nothing of the database or of numerics is
imported.
"""

from scidex.client.aio import AsyncClient
from scidex.client.answers import Answer, Page, Receipt
from scidex.client.failures import AnswerUnreadable, ClientError, ServerFailed, Unanswered
from scidex.client.lines import LineAnswer
from scidex.client.request import Request
from scidex.client.sync import Client

__all__ = [
    "Answer",
    "AnswerUnreadable",
    "AsyncClient",
    "Client",
    "ClientError",
    "LineAnswer",
    "Page",
    "Receipt",
    "Request",
    "ServerFailed",
    "Unanswered",
]
