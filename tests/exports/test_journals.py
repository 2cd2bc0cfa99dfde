"""Beancount and hledger, two programs of other people, accept the books and come to the same balances."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from scidex.core.units import UNITS
from scidex.economy import Economy
from scidex.exports import export_ledger
from scidex.exports.names import account_name, commodity
from scidex.ledger import Account, find_accounts

HLEDGER = shutil.which("hledger")


def export(economy: Economy, folder: Path, format: str) -> Path:
    with economy.reading() as tx:
        report = export_ledger(tx, format=format, out=folder)
    (name,) = report.rows
    return folder / name


def books(economy: Economy) -> list[Account]:
    with economy.reading() as tx:
        return find_accounts(tx, limit=1_000_000)


def expected(economy: Economy) -> dict[tuple[str, str], Decimal]:
    """What each account of theirs has to have, by account and commodity: the available and the held part apart."""
    found = {}
    for account in books(economy):
        unit = UNITS[account.unit]
        for held, parts in ((False, account.available), (True, account.held)):
            if parts:
                found[account_name(account.key, held=held), commodity(unit.name)] = Decimal(parts) / unit.parts
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, env={**os.environ, "LANG": "C.UTF-8"}
    )


def bean_check(file: Path) -> subprocess.CompletedProcess[str]:
    return run(Path(sys.executable).with_name("bean-check"), "--no-cache", file)


def test_bean_check_accepts_the_books_and_finds_our_balances(lived: Economy, tmp_path: Path) -> None:
    file = export(lived, tmp_path, "beancount")
    done = bean_check(file)
    assert (done.returncode, done.stderr) == (0, "")

    import beancount.loader
    from beancount.core import data

    entries, errors, _ = beancount.loader.load_file(str(file))
    assert errors == []
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    names, ids = {}, []
    for entry in entries:
        if isinstance(entry, data.Open):
            names[entry.account] = entry.meta.get("account")
        if isinstance(entry, data.Transaction):
            ids.append(entry.meta["id"])
            assert {"id", "cause", "actor", "at"} <= entry.meta.keys()
            for posting in entry.postings:
                sums[posting.account, posting.units.currency] += posting.units.number
    assert {key: total for key, total in sums.items() if total} == expected(lived)
    # One that never moved is not there.
    moved = {account_name(each.key): str(each.key) for each in books(lived) if each.balance}
    assert moved.items() <= names.items()
    assert len(set(ids)) == len(ids) > 300
    assert "pad" not in {type(entry).__name__.lower() for entry in entries}


@pytest.mark.skipif(HLEDGER is None and "SCIDEX_TOOLS" not in os.environ, reason="no hledger; `make tools` installs it")
def test_hledger_accepts_the_books_and_finds_our_balances(lived: Economy, tmp_path: Path) -> None:
    assert HLEDGER is not None
    file = export(lived, tmp_path, "hledger")
    done = run(HLEDGER, "-f", file, "check", "-s", "ordereddates")
    assert (done.returncode, done.stderr) == (0, "")
    told = run(HLEDGER, "-f", file, "balance", "--flat", "--no-total", "-O", "csv", "--layout", "bare")
    assert told.returncode == 0, told.stderr
    rows = list(csv.reader(told.stdout.splitlines()))[1:]
    found = {(account, symbol): Decimal(amount) for account, symbol, amount in rows}
    assert {key: amount for key, amount in found.items() if amount} == expected(lived)


def tampered(file: Path) -> Path:
    """One posting of one transaction changed by one part, with its counterpart, so that it still balances."""
    text = file.read_text(encoding="utf-8")
    place = text.index("-0.000001 TOKEN" if file.suffix == ".beancount" else '-0.000001 "TOKEN"')
    end = text.index("\n\n", place) if file.suffix == ".journal" else text.index("\n", text.index("\n", place) + 1)
    changed = text[:place] + text[place:end].replace("0.000001", "0.000002", 2) + text[end:]
    other = file.with_name(f"changed{file.suffix}")
    other.write_text(changed, encoding="utf-8")
    return other


def test_both_programs_refuse_books_with_one_part_changed(random_world: Economy, tmp_path: Path) -> None:
    done = bean_check(tampered(export(random_world, tmp_path, "beancount")))
    assert done.returncode == 1
    assert "Balance failed" in done.stderr
    if HLEDGER is not None:
        done = run(HLEDGER, "-f", tampered(export(random_world, tmp_path, "hledger")), "check")
        assert done.returncode == 1
        assert "assertion" in done.stderr
