"""The embedded PostgreSQL of one run, in a temporary folder, as the product runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy

POOL = 40
"""Connections of a process under load: more than its clients."""


class Server:
    """A running server with an empty economy as the template of all that are measured."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.conninfo = conninfo
        self.folder = folder

    @property
    def postmaster(self) -> int:
        """The process that all of its others come from."""
        return int((self.folder / "h" / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def url(self, database: str) -> str:
        """How to reach a database on it."""
        return make_conninfo(self.conninfo, dbname=database)

    def make_database(self, name: str, *, empty: bool = False) -> str:
        """A new database, with the tables of an economy unless it is to be empty; how to reach it."""
        template = "template0" if empty else "scidex"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.url(name)

    def pgbench(self, *arguments: str, database: str) -> str:
        """Run pgbench as the superuser; what it printed."""
        where = conninfo_to_dict(self.conninfo)
        done = subprocess.run(
            [EmbeddedServer.binary("pgbench"), *arguments, database],
            env={
                "PATH": os.defpath,
                "LC_ALL": "C",
                "PGHOST": str(where["host"]),
                "PGPORT": str(where["port"]),
                "PGUSER": str(where["user"]),
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"pgbench: {done.stderr.strip()[-500:]}")
        return done.stdout


def settings_for(url: str) -> Settings:
    """The product's own settings, on that database."""
    return Settings(home=Path("/nonexistent"), database_url=url, pool_size=POOL)


@contextmanager
def started() -> Iterator[Server]:
    """A server of our own, gone with its folder when the block ends."""
    # The path of a socket has little room, and the short name leaves it to the tests on every system.
    folder = Path(tempfile.mkdtemp(prefix="sxb"))
    try:
        with EmbeddedServer(folder / "h") as conninfo:
            # A database in use cannot be copied, so the one that the product makes is left alone at once.
            Economy.open(Settings(home=folder / "h", database_url=None)).close()
            yield Server(conninfo, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
