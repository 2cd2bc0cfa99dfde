"""Who may make keys for whom, what a key may be, and that its secret is nowhere."""

from __future__ import annotations

import pytest

from scidex import keys
from scidex.actors import RoleNeeded, UnknownActor, register_actor
from scidex.core.journal import KeyReused
from scidex.core.names import NameInvalid


def secret_of(issued):
    assert issued.secret is not None
    return issued.secret.split("_", 2)[2]


def test_an_actor_makes_a_key_of_its_own_and_only_its_hash_is_kept(town):
    alice = town.actor("alice", 0)
    issued = keys.issue_key(town.as_actor(alice), scopes=["trade", "read", "trade"], label="laptop")
    found = keys.find_key(town.tx, issued.receipt.result.key)
    assert (found.actor, found.scopes, found.label, found.per_minute) == ("alice", ("read", "trade"), "laptop", 6000)
    assert (found.expires_at - found.issued_at).days == 90
    assert issued.secret.startswith(f"scidex_{found.key}_")
    assert len(secret_of(issued)) == 43  # 256 bits in base64
    assert found.digest == keys.digest_of(secret_of(issued))
    kept = town.tx.execute("SELECT string_agg(command || receipt, ' ') FROM journal").fetchone()[0]
    kept += str(town.tx.execute("SELECT access_key::text FROM access_key").fetchall())
    assert found.digest in kept
    assert secret_of(issued) not in kept


def test_no_two_keys_have_one_secret(town):
    made = {secret_of(keys.issue_key(town.tx, scopes=["read"])) for _ in range(50)}
    assert len(made) == 50


def test_a_repeated_answer_does_not_hold_the_secret(town):
    first = keys.issue_key(town.tx, scopes=["read"], key="once")
    again = keys.issue_key(town.tx, scopes=["read"], key="once")
    assert (first.receipt.repeated, again.receipt.repeated, again.secret) == (False, True, None)
    assert again.receipt.result == first.receipt.result
    with pytest.raises(KeyReused):
        keys.issue_key(town.tx, scopes=["trade"], key="once")
    rotated = keys.rotate_key(town.tx, first.receipt.result.key, key="turn")
    again = keys.rotate_key(town.tx, first.receipt.result.key, key="turn")
    assert rotated.secret is not None
    assert again.secret is None
    assert keys.find_key(town.tx, first.receipt.result.key).digest == keys.digest_of(secret_of(rotated))


def test_owners_and_operators_make_keys_of_others_and_nobody_else_does(town):
    alice, bob = town.actor("alice", 0), town.actor("bob", 0)
    register_actor(town.as_actor(alice), name="bot", owner=alice)
    made = keys.issue_key(town.as_actor(alice), actor="bot", scopes=["read"]).receipt.result
    keys.issue_key(town.as_actor("operator"), actor="bot", scopes=["read"])
    for handle in (
        lambda: keys.issue_key(town.tx, actor="bot", scopes=["read"]),
        lambda: keys.rotate_key(town.tx, made.key),
        lambda: keys.revoke_key(town.tx, made.key),
    ):
        town.as_actor(bob)
        with pytest.raises(keys.NotYourKeys):
            handle()
    town.as_actor("bot")
    with pytest.raises(keys.NotYourKeys):
        keys.issue_key(town.tx, actor=alice, scopes=["read"])
    for name in ("stranger", ""):
        with pytest.raises(UnknownActor):
            keys.issue_key(town.as_actor("stranger"), actor=name or None, scopes=["read"])


def test_to_own_an_actor_is_not_to_have_its_roles(town):
    alice = town.actor("alice", 0)
    register_actor(town.as_actor(alice), name="bot", owner=alice)
    register_actor(town.as_actor("operator"), name="bot", roles=["operator"])
    with pytest.raises(keys.NotYourKeys):
        keys.issue_key(town.as_actor(alice), actor="bot", scopes=["operate"])


def test_a_key_makes_none_that_may_do_more_than_itself(town):
    alice = town.actor("alice", 0)
    tx = town.as_actor(alice)
    wide = keys.issue_key(tx, scopes=["read", "trade", "keys"]).receipt.result.key
    with pytest.raises(keys.ScopesWider):
        keys.issue_key(tx, scopes=["read", "trade"], within={"read", "keys"})
    with pytest.raises(keys.ScopesWider):
        keys.rotate_key(tx, wide, within={"read", "keys"})  # whose new secret it would be told
    assert keys.issue_key(tx, scopes=["read"], within={"read", "keys"}).secret


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"scopes": []}, keys.ScopesNeeded),
        ({"scopes": ["everything"]}, keys.UnknownScope),
        ({"scopes": ["read"], "seconds": 0}, keys.KeyLifeInvalid),
        ({"scopes": ["read"], "seconds": -(2**70)}, keys.KeyLifeInvalid),
        ({"scopes": ["read"], "seconds": 31_536_001}, keys.KeyLifeInvalid),
        ({"scopes": ["read"], "per_minute": 0}, keys.RateInvalid),
        ({"scopes": ["read"], "per_minute": 2**70}, keys.RateInvalid),
        ({"scopes": ["read"], "per_minute": 6001}, keys.RateAboveDefault),
        ({"scopes": ["read"], "label": "x" * 101}, NameInvalid),
    ],
)
def test_what_a_key_cannot_be(town, given, refusal):
    alice = town.actor("alice", 0)
    with pytest.raises(refusal):
        keys.issue_key(town.as_actor(alice), **given)


def test_an_operator_gives_a_key_a_higher_rate(town):
    assert keys.issue_key(town.tx, scopes=["read"], per_minute=60_000).receipt.result.per_minute == 60_000


def test_a_rotated_key_has_a_new_secret_and_the_one_before_for_the_overlap(town):
    first = keys.issue_key(town.tx, scopes=["read"], seconds=100)
    name = first.receipt.result.key
    second = keys.rotate_key(town.tx, name, overlap_s=10, seconds=500)
    found = keys.find_key(town.tx, name)
    assert (found.digest, found.earlier) == (keys.digest_of(secret_of(second)), keys.digest_of(secret_of(first)))
    assert (found.earlier_until - town.tx.now).total_seconds() == 10
    assert (found.expires_at - town.tx.now).total_seconds() == 500
    keys.rotate_key(town.tx, name, overlap_s=1000)
    assert keys.find_key(town.tx, name).earlier_until == found.expires_at  # no longer than it would have lived
    keys.rotate_key(town.tx, name)
    assert keys.find_key(town.tx, name).earlier is None
    with pytest.raises(keys.OverlapInvalid):
        keys.rotate_key(town.tx, name, overlap_s=604_801)


def test_a_key_that_is_over_is_not_rotated_and_one_that_is_revoked_stays_so(town):
    name = keys.issue_key(town.tx, scopes=["read"], seconds=5).receipt.result.key
    town.pass_by(5)
    with pytest.raises(keys.KeyEnded):
        keys.rotate_key(town.tx, name)
    keys.revoke_key(town.tx, name)
    for again in (keys.revoke_key, keys.rotate_key):
        with pytest.raises(keys.KeyEnded):
            again(town.tx, name)
    for unknown in ("k0", "x", ""):
        with pytest.raises(keys.UnknownKey):
            keys.revoke_key(town.tx, unknown)


def test_keys_are_listed_by_number_and_those_of_others_to_operators(town):
    alice = town.actor("alice", 0)
    made = [keys.issue_key(town.as_actor(alice), scopes=["read"]).receipt.result.key for _ in range(11)]
    keys.note_use(town.tx, made[3])
    found = keys.list_keys(town.tx, actor=alice, limit=11)
    assert [key.key for key, _ in found] == made
    assert [used for _, used in found] == [town.tx.now if each == made[3] else None for each in made]
    assert [key.key for key, _ in keys.list_keys(town.tx, actor=alice, after=int(made[8][1:]))] == made[9:]
    for actor in ("operator", None):
        with pytest.raises(RoleNeeded):
            keys.list_keys(town.tx, actor=actor)
    assert len(keys.list_keys(town.as_actor("operator"), actor=None)) == 11
