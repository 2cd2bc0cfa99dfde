"""PostgreSQL, embedded or given: connections, the one place that commits, and what its failures mean."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import NoneType
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import Connection, Cursor, errors
from psycopg_pool import ConnectionPool, PoolTimeout

from scidex.core.clock import Clock, system_clock
from scidex.core.errors import Busy, Invalid, Refusal, Refused
from scidex.core.pipeline import gathering
from scidex.core.settings import Settings

APP_ROLE = "scidex_app"
"""The role that every transaction takes on: it may add to the journal and the ledger but never change them."""
OLDEST_SERVER = 150000

Outcome = TypeVar("Outcome")


class DatabaseDown(Busy):
    """The database does not answer ({reason}); see that it runs, then try again with the same key."""


class Contended(Busy):
    """Others hold what this needs and did not let go in time; nothing happened, try again with the same key."""


class StorageFull(Busy):
    """The database's disk is full; nothing happened. Free some space, then try again with the same key."""


class DatabaseReadOnly(Busy):
    """The database takes no writes now ({reason}); nothing happened. Use the primary, or try again later."""


class DatabaseTooOld(Refused):
    """The server is PostgreSQL {version}; SciDEX needs 15 or newer. Point SCIDEX_DATABASE_URL at one."""


class DatabaseUrlInvalid(Refused):
    """SCIDEX_DATABASE_URL cannot be used: {reason}. Write postgresql://user@host/database."""


class RoleMissing(Refused):
    """The database user {user!r} may not act as role scidex_app; as its administrator run:
    GRANT scidex_app TO "{user}"."""


class RightMissing(Refused):
    """The database user lacks a right that SciDEX needs ({reason}); run `scidex db migrate` as the owner of the tables,
    or ask the administrator for it."""


class TextInvalid(Invalid):
    """A text holds a character that the database cannot keep ({reason}); leave it out."""


class SchemaBroken(Busy):
    """A table of SciDEX is missing or altered ({reason}); nothing happened. `scidex db status` shows what is missing;
    restore a backup, then try again."""


def _nothing() -> None:
    """Outside a pipeline nothing waits."""


@dataclass(slots=True)
class Tx:
    """An open transaction: the first argument of every action and read."""

    connection: Connection[Any]
    actor: str
    now: datetime
    push: Callable[[], None] = _nothing
    """Sends the statements that wait for company, so that the database may begin."""
    cache: dict[str, Any] = field(default_factory=dict)
    """What was read once and holds for this transaction."""

    def execute(self, query: LiteralString, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Cursor[Any]:
        """Run one statement."""
        return self.connection.execute(query, params)

    def each(
        self, query: LiteralString, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Send one statement now; its rows are fetched when the first of them is asked for."""
        cursor = self.connection.execute(query, params)
        return (row for rows in map(Cursor.fetchall, (cursor,)) for row in rows)

    def require_written(self, written: int, wanted: int) -> None:
        """Begin the transaction anew where fewer rows were as they had been read: somebody else has changed some."""
        if written != wanted:
            raise _Repeat


def columns(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Rows as one array per column, for `unnest`; a tuple within becomes the text of an array, to be cast.

    The driver would write the same text in ten times as long, most of a batch. Refuses: TextInvalid.

    >>> columns([(1, 'a "b"', (1, 2)), (None, "c", ())])
    ['{1,NULL}', '{"a \\\\"b\\\\"","c"}', '{"{1,2}","{}"}']
    """
    return [_array(column) for column in zip(*rows, strict=True)]


def _array(values: Sequence[Any]) -> str:
    sorts = set(map(type, values))
    if len(sorts) == 1:
        (sort,) = sorts
        if sort is str:
            return _texts(values)
        if sort is int or sort is bool:
            return "{" + ",".join(map(str, values)) + "}"
        if sort is datetime:
            return "{" + ",".join(map(_moment, values)) + "}"
        if sort is NoneType:
            return "{" + ",".join(["NULL"] * len(values)) + "}"
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _texts(values: Sequence[str]) -> str:
    """All texts of a column in one go; no text holds NUL, which therefore parts them."""
    joined = "\0".join(values)
    if joined.count("\0") != len(values) - 1:
        raise TextInvalid(reason="NUL")
    if '"' in joined or "\\" in joined:
        joined = joined.replace("\\", "\\\\").replace('"', '\\"')
    return '{"' + joined.replace("\0", '","') + '"}'


def _element(value: Any) -> str:
    if isinstance(value, str):
        if '"' in value or "\\" in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{value}"'
    if value is None:
        return "NULL"
    if isinstance(value, tuple):
        return _names(value) if set(map(type, value)) == {str} else _element(_array(value))
    return _moment(value) if isinstance(value, datetime) else str(value)


@lru_cache(maxsize=4096)
def _names(values: tuple[str, ...]) -> str:
    return _element(_texts(values))


@lru_cache(maxsize=1024)
def _moment(at: datetime) -> str:
    return f'"{at.isoformat()}"'


_ambient: ContextVar[Tx | None] = ContextVar("scidex_transaction", default=None)


def ambient_tx() -> Tx | None:
    """The transaction that this thread or task is inside of, if any."""
    return _ambient.get()


class Database:
    """Two pools of connections, to write and to read, and the only place that commits."""

    def __init__(self, conninfo: str, settings: Settings, *, clock: Clock = system_clock) -> None:
        self.conninfo = conninfo
        self.clock = clock
        self._settings = settings
        # What writes looks rows up by key: one plan per statement serves for good, and it is that of the index,
        # whatever the size of the table when it was made. What reads has optional filters, and is planned for these.
        self._writers = self._pool(
            "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c random_page_cost=1.1 -c jit=off"
        )
        self._readers = self._pool("")

    def _pool(self, options: str) -> ConnectionPool[Connection[Any]]:
        settings = self._settings
        return ConnectionPool(
            self.conninfo,
            min_size=0,
            max_size=settings.pool_size,
            timeout=settings.connect_timeout_s,
            reconnect_timeout=settings.connect_timeout_s,
            kwargs={
                "autocommit": True,
                "prepare_threshold": 2,
                "connect_timeout": settings.connect_timeout_s,
                "options": with_given(
                    self.conninfo, f"-c lock_timeout={settings.lock_timeout_ms} -c timezone=UTC {options}"
                ),
                "application_name": "scidex",
            },
            configure=_take_on_role,
            open=False,
        )

    def open(self) -> None:
        """Start lending connections."""
        self._writers.open()
        self._readers.open()

    def close(self) -> None:
        """Give every connection back to the server."""
        self._writers.close()
        self._readers.close()

    def stats(self) -> dict[str, dict[str, int]]:
        """How the connections of each pool are used, in the words of the pool."""
        return {"write": self._writers.get_stats(), "read": self._readers.get_stats()}

    def run(
        self, work: Callable[[Tx], Outcome], *, actor: str, dry_run: bool = False, pipelined: bool = True
    ) -> Outcome:
        """Do `work` in one transaction: committed if it returns, rolled back if it raises or is a dry run.

        Statements go out one after the other, and what is not read is not waited for, unless it is not `pipelined`,
        which COPY needs.

        PostgreSQL may ask to repeat it (serialization failure, deadlock, a row that another made first): then `work`
        runs again from the start.

        Refuses: DatabaseDown, Contended, StorageFull, DatabaseReadOnly, SchemaBroken, RightMissing, TextInvalid.
        """
        last: BaseException | None = None
        for attempt in range(self._settings.retries + 1):
            if attempt:
                # Full jitter: those who collided spread out instead of meeting again.
                time.sleep(random.uniform(0, min(0.25, 0.002 * 2**attempt)))
            try:
                with _failures_named(), self._writers.connection() as connection:
                    return self._once(connection, work, actor, dry_run, pipelined)
            except _Repeat as repeat:
                last = repeat.__cause__
            except DatabaseDown:
                self._forget_the_dead()
                raise
        raise Contended() from last

    def _forget_the_dead(self) -> None:
        """Part with every connection that died with the server, or each would fail somebody once it is back."""
        for pool in (self._writers, self._readers):
            with suppress(psycopg.Error):
                pool.check()

    @contextmanager
    def reading(self, *, actor: str = "reader") -> Iterator[Tx]:
        """A read-only transaction in which every statement sees the same moment.

        Refuses: DatabaseDown, Contended, StorageFull, DatabaseReadOnly, SchemaBroken, RightMissing, TextInvalid.
        """
        with self._read() as connection:
            tx = Tx(connection, actor, self.clock())
            token = _ambient.set(tx)
            try:
                yield tx
            finally:
                _ambient.reset(token)

    @contextmanager
    def _read(self) -> Iterator[Connection[Any]]:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        try:
            with _failures_named(), ExitStack() as borrowed:
                connection = borrowed.enter_context(self._readers.connection())
                try:
                    connection.execute(begin)
                except psycopg.OperationalError:
                    # It died while it lay idle, which says nothing of the server by now.
                    self._forget_the_dead()
                    connection = borrowed.enter_context(self._readers.connection())
                    connection.execute(begin)
                yield connection
        except DatabaseDown:
            self._forget_the_dead()
            raise

    def _once(
        self, connection: Connection[Any], work: Callable[[Tx], Outcome], actor: str, dry_run: bool, pipelined: bool
    ) -> Outcome:
        # BEGIN and COMMIT travel with the statements between them.
        with gathering(connection) if pipelined else nullcontext(_nothing) as push:
            connection.execute("BEGIN")
            tx = Tx(connection, actor, self.clock(), push)
            token = _ambient.set(tx)
            try:
                outcome = work(tx)
            finally:
                _ambient.reset(token)
            ended = connection.execute("ROLLBACK" if dry_run else "COMMIT")
        # PostgreSQL answers COMMIT with ROLLBACK, and no error, where an error before was swallowed.
        if not dry_run and ended.statusmessage != "COMMIT":
            raise AssertionError(ended.statusmessage)
        return outcome


class _Repeat(Exception):
    """PostgreSQL rolled back and the same work may succeed if it is done again."""


@contextmanager
def _failures_named() -> Iterator[None]:
    """Turns what the driver raises into refusals, and leaves refusals and bugs as they are."""
    try:
        yield
    except Refusal:
        raise
    except (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation) as error:
        raise _Repeat from error
    except errors.LockNotAvailable as error:
        raise Contended() from error
    except (errors.DiskFull, errors.OutOfMemory) as error:
        raise StorageFull() from error
    except errors.ReadOnlySqlTransaction as error:
        raise DatabaseReadOnly(reason="it is a standby or set read-only") from error
    except errors.InsufficientPrivilege as error:
        raise RightMissing(reason=_first_line(error)) from error
    except UnicodeEncodeError as error:
        raise TextInvalid(reason="half of a surrogate pair") from error
    except psycopg.DataError as error:
        # The driver's own check; every other error in the data is a bug.
        if "NUL" not in str(error):
            raise
        raise TextInvalid(reason="NUL") from error
    except (errors.UndefinedTable, errors.UndefinedColumn) as error:
        raise SchemaBroken(reason=_first_line(error)) from error
    except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
        if "No space left on device" in str(error):
            raise StorageFull() from error
        raise DatabaseDown(reason=_first_line(error)) from error


def _take_on_role(connection: Connection[Any]) -> None:
    connection.execute(f'SET ROLE "{APP_ROLE}"')


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def with_given(conninfo: str, ours: str) -> str:
    """The options of a connection: those of its URL, such as a search_path, and then ours, which win."""
    return f"{psycopg.conninfo.conninfo_to_dict(conninfo).get('options') or ''} {ours}".strip()


def check_server(conninfo: str, settings: Settings) -> None:
    """See that the server answers and is new enough.

    Refuses: DatabaseUrlInvalid, DatabaseDown, DatabaseTooOld.
    """
    with connect_as_owner(conninfo, settings) as connection:
        if connection.info.server_version < OLDEST_SERVER:
            raise DatabaseTooOld(version=connection.info.parameter_status("server_version"))


@contextmanager
def connect_as_owner(conninfo: str, settings: Settings) -> Iterator[Connection[Any]]:
    """One connection, outside the pool, with the rights of the database's own user.

    Refuses: DatabaseUrlInvalid, DatabaseDown, Contended, StorageFull, DatabaseReadOnly, SchemaBroken,
    RightMissing, TextInvalid.
    """
    try:
        psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        raise DatabaseUrlInvalid(reason=_first_line(error)) from None
    with (
        _failures_named(),
        psycopg.connect(
            conninfo,
            autocommit=True,
            connect_timeout=settings.connect_timeout_s,
            options=with_given(conninfo, "-c timezone=UTC -c client_min_messages=warning"),
            application_name="scidex owner",
        ) as connection,
    ):
        yield connection


def check_role(conninfo: str, settings: Settings) -> None:
    """See that the application's role can be taken on. Refuses: RoleMissing, DatabaseUrlInvalid, DatabaseDown."""
    with connect_as_owner(conninfo, settings) as connection:
        try:
            connection.execute(f'SET ROLE "{APP_ROLE}"')
        except (errors.InsufficientPrivilege, errors.InvalidParameterValue, errors.UndefinedObject):
            raise RoleMissing(user=connection.info.user) from None
