"""What makes the gate believe somebody, and what does not."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from scidex import access
from scidex.actors import ReservedName, register_actor
from scidex.core.names import NameInvalid
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.keys import issue_key, list_keys, revoke_key, rotate_key


@pytest.fixture
def guarded(new_database, clock):
    """An economy that answers to keys only, with alice in it."""
    settings = Settings(home=Path("/nonexistent"), database_url=new_database(), auth="keys")
    opened = Economy.open(settings, clock=clock)
    opened.run(lambda tx: register_actor(tx, name="alice"))
    yield opened
    opened.close()


def issue(economy, **terms):
    issued = economy.run(lambda tx: issue_key(tx, **{"scopes": ["read", "trade"], **terms}), actor="alice")
    return issued.receipt.result.key, issued.secret


def ask(economy, authorization, actor=None):
    return access.authenticate(economy, authorization=authorization, actor=actor)


def test_whoever_has_a_key_is_its_actor_with_its_scopes(guarded):
    name, secret = issue(guarded)
    found = ask(guarded, f"Bearer {secret}")
    assert found == access.Principal("alice", name, frozenset({"read", "trade"}))
    assert ask(guarded, f"bEARER   {secret}", "alice") == found
    found.require("read")
    found.require("review", "trade")
    with pytest.raises(access.ScopeMissing):
        found.require("operate")
    with pytest.raises(access.NotYourName):
        ask(guarded, f"Bearer {secret}", "operator")


def test_without_a_key_nobody_is_believed(guarded):
    for actor in (None, "alice", "operator", "system"):
        with pytest.raises(access.Unauthenticated):
            ask(guarded, None, actor)


def test_on_the_loopback_a_name_is_believed_and_a_key_still_binds(economy):
    economy.run(lambda tx: register_actor(tx, name="alice"))
    _, secret = issue(economy)
    assert ask(economy, None, "bob") == access.Principal("bob")
    assert ask(economy, None) == access.Principal("operator")
    ask(economy, None).require("operate")
    assert ask(economy, f"Bearer {secret}").actor == "alice"
    with pytest.raises(access.NotYourName):
        ask(economy, f"Bearer {secret}", "bob")
    with pytest.raises(access.KeyRefused):
        ask(economy, "Bearer nonsense", "bob")
    with pytest.raises(ReservedName):
        ask(economy, None, "system")
    with pytest.raises(NameInvalid):
        ask(economy, None, " bob")


def bad_headers(name, secret):
    own = secret.split("_", 2)[2]
    yield from ("", "Bearer", "Bearer ", secret, f"Basic {base64.b64encode(b'alice:x').decode()}", f"Token {secret}")
    yield from (
        f"Bearer {secret} ",
        f"Bearer {secret}x",
        f"Bearer {secret[:-1]}",
        f"Bearer\t{secret}",
        f" Bearer {secret}",
    )
    yield from (
        f"Bearer {secret}, Bearer {secret}",
        f"Bearer {secret} {secret}",
        f"Bearer {secret}\n",
        f"Bearer {secret}\0",
    )
    yield from (
        f"Bearer {secret.upper()}",
        f"Bearer {secret.replace('scidex', 'Scidex')}",
        f"Bearer scidex_{name}_{own.swapcase()}",
    )
    yield from (
        f"Bearer scidex_k999999_{own}",
        f"Bearer scidex_k0_{own}",
        f"Bearer scidex_{name}_",
        f"Bearer scidex_{name}",
    )
    yield from (f"Bearer scidex_k{'9' * 18}_{own}", f"Bearer scidex_k{'9' * 30}_{own}", f"Bearer scidex_k-1_{own}")
    yield from (
        f"Bearer scidex_{name}_{'A' * 43}",
        f"Bearer scidex_{name}_{'0' * 43}",
        "Bearer " + "a" * 8_180,
        "Bearer " + "a" * 10**6,
    )
    yield from (
        f"Bearer scidex_{name}_" + "ß" * 43,
        "Bearer \udcff",
        f"Bearer scidex_k１_{own}",
        f"Bearer {own}",
        "Bearer a.b.c",
    )


def test_what_is_no_key_is_refused(guarded):
    name, secret = issue(guarded)
    for given in bad_headers(name, secret):
        with pytest.raises(access.KeyRefused) as caught:
            ask(guarded, given)
        assert secret not in str(caught.value), given
        assert caught.value.status == 401
    assert ask(guarded, f"Bearer {secret}").key == name


def test_a_digest_that_leaked_is_no_secret(guarded):
    name, _ = issue(guarded)
    with guarded.reading() as tx:
        (digest,) = tx.execute("SELECT digest FROM access_key").fetchone()
    with pytest.raises(access.KeyRefused):
        ask(guarded, f"Bearer scidex_{name}_{digest}")


def test_a_revoked_key_is_refused_at_once(guarded):
    name, secret = issue(guarded)
    ask(guarded, f"Bearer {secret}")
    guarded.run(lambda tx: revoke_key(tx, name), actor="alice")
    with pytest.raises(access.KeyRefused, match="was revoked"):
        ask(guarded, f"Bearer {secret}")


def test_a_key_is_refused_from_the_moment_at_which_its_time_is_over(guarded, clock):
    _, secret = issue(guarded, seconds=10)
    clock.pass_by(9.999)
    ask(guarded, f"Bearer {secret}")
    clock.pass_by(0.001)
    with pytest.raises(access.KeyRefused, match="time of"):
        ask(guarded, f"Bearer {secret}")


def test_the_secret_before_a_rotation_is_valid_for_the_overlap_only(guarded, clock):
    name, first = issue(guarded)
    second = guarded.run(lambda tx: rotate_key(tx, name, overlap_s=60), actor="alice").secret
    clock.pass_by(59)
    assert ask(guarded, f"Bearer {first}") == ask(guarded, f"Bearer {second}")
    clock.pass_by(1)
    with pytest.raises(access.KeyRefused, match="was rotated"):
        ask(guarded, f"Bearer {first}")
    third = guarded.run(lambda tx: rotate_key(tx, name), actor="alice").secret
    ask(guarded, f"Bearer {third}")
    with pytest.raises(access.KeyRefused):
        ask(guarded, f"Bearer {second}")


def test_a_key_asks_as_often_as_its_rate_allows_and_is_told_when_to_come_back(guarded, clock):
    _, secret = issue(guarded, per_minute=6)
    _, other = issue(guarded, per_minute=6)
    for _ in range(6):
        ask(guarded, f"Bearer {secret}")
    with pytest.raises(access.RateExceeded) as caught:
        ask(guarded, f"Bearer {secret}")
    assert (caught.value.status, caught.value.facts["retry_after_s"]) == (429, 10)
    ask(guarded, f"Bearer {other}")
    clock.pass_by(9)
    with pytest.raises(access.RateExceeded) as caught:
        ask(guarded, f"Bearer {secret}")
    assert caught.value.facts["retry_after_s"] == 1
    clock.pass_by(1)
    ask(guarded, f"Bearer {secret}")
    clock.pass_by(-3600)
    with pytest.raises(access.RateExceeded):
        ask(guarded, f"Bearer {secret}")
    clock.pass_by(86_400)
    # However long it was silent, it has no more than a minute's worth.
    for _ in range(6):
        ask(guarded, f"Bearer {secret}")
    with pytest.raises(access.RateExceeded):
        ask(guarded, f"Bearer {secret}")


def test_a_wrong_secret_costs_its_key_nothing(guarded):
    name, secret = issue(guarded, per_minute=1)
    for _ in range(5):
        with pytest.raises(access.KeyRefused):
            ask(guarded, f"Bearer scidex_{name}_{'A' * 43}")
    ask(guarded, f"Bearer {secret}")


def test_the_last_use_is_known_to_within_a_minute_and_is_in_no_journal(guarded, clock):
    _, secret = issue(guarded)

    def seen():
        with guarded.reading(actor="alice") as tx:
            (journal,) = tx.execute("SELECT count(*) FROM journal").fetchone()
            return list_keys(tx, actor="alice")[0][1], journal

    assert seen()[0] is None
    journal, start = seen()[1], clock.now
    for seconds, noted in ((0, 0), (59, 0), (1, 60), (30, 60), (31, 121)):
        clock.pass_by(seconds)
        ask(guarded, f"Bearer {secret}")
        used, entries = seen()
        assert ((used - start).total_seconds(), entries) == (noted, journal)
