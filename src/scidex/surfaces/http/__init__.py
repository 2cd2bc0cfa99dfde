"""The economy over HTTP: /api/market, /api/economics, /api/ledger, described at /openapi.json."""

from scidex.surfaces.http.app import create_app
from scidex.surfaces.http.server import serve

__all__ = ["create_app", "serve"]
