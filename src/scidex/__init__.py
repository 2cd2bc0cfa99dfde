"""The economy of a fleet of research agents.

>>> from scidex import Economy
>>> Economy.__name__
'Economy'
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scidex.client import AsyncClient, Client
    from scidex.economy import Economy

__version__ = version("scidex")
__all__ = ["AsyncClient", "Client", "Economy", "__version__"]


def __getattr__(name: str) -> Any:
    # Only on demand: whoever imports one small part of the package should not wait for the whole of it.
    if name == "Economy":
        from scidex.economy import Economy  # noqa: PLC0415

        return Economy
    if name in ("AsyncClient", "Client"):
        from scidex import client  # noqa: PLC0415

        return getattr(client, name)
    raise AttributeError(name)
