"""The Atlas over HTTP and on the command line: the whole way once, and refused where it should be."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.surfaces.test_cli import Home, keys_of
from tests.surfaces.test_http import Town, listening, pages, refused

from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app
from scidex.views import knowledge, returns

KNOWLEDGE = "/api/knowledge"


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as economy:
        with listening(create_app(economy)) as client:
            yield Town(client)
        economy.seal()
        with economy.reading() as tx:
            report = audit(tx)
        assert report.ok, report.findings
    shutil.rmtree(home, ignore_errors=True)


def an_artifact(town: Town, kind: str = "gap") -> str:
    name = town.name("artifact")
    town.done("/api/entities", {"entity_type": kind, "entity_id": name, "title": "What is so?"})
    return name


def an_edge(subject: str, **more: object) -> dict[str, object]:
    return {"subject": subject, "predicate": "causes", "object": "disease", "source": "PMID:1", **more}


def learn(town: Town, by: str, artifact: str, *subjects: str, **more: object) -> dict[str, Any]:
    body = {"artifact_id": artifact, "edges": [an_edge(subject) for subject in subjects], **more}
    return town.done(f"{KNOWLEDGE}/edges", body, by=by)


def test_edges_go_in_are_shared_merged_judged_and_fall(town: Town) -> None:
    alice, bob, rita = town.actor(0), town.actor(0), town.actor(0, "reviewer")
    gap, idea = an_artifact(town), an_artifact(town, "hypothesis")
    body = {
        "artifact_id": gap,
        "edges": [an_edge(f"{gap} a", confidence="0.9"), an_edge(f"{gap} b")],
        "work_item": "w1",
    }
    told = town.done(f"{KNOWLEDGE}/edges", body, by=alice, key=f"{gap} 1")
    assert town.done(f"{KNOWLEDGE}/edges", body, by=alice, key=f"{gap} 1") == told
    a, b = (line["edge"] for line in told["edges"])
    assert [(line["outcome"], line["share"]) for line in told["edges"]] == [("first", 1), ("first", 1)]
    again = learn(town, bob, idea, f"{gap}  A", f"{gap} c")
    assert again["edges"][0] == {"edge": a, "outcome": "confirms", "share": 0.3}
    assert again["changes"] == [
        {"artifact_type": "gap", "artifact_id": gap, "change": -0.3},
        {"artifact_type": "hypothesis", "artifact_id": idea, "change": 1.3},
    ]
    found = town.get(f"{KNOWLEDGE}/lookup", subject=f"{gap} A", predicate="CAUSES", object="disease")
    assert found == town.get(f"{KNOWLEDGE}/edges/{a}")
    assert [(each["actor"], each["share"], each["confidence"]) for each in found["contributions"]] == [
        (alice, 0.7, 0.9),
        (bob, 0.3, None),
    ]
    refused(town.post(f"{KNOWLEDGE}/merge", {"edge": b, "same_as": a, "note": "n"}, by=alice), 403, "role_needed")
    about = town.get(f"{KNOWLEDGE}/about", subject=f"{gap.upper()} a", limit=1)
    assert ([each["edge"] for each in about["items"]], about["next"]) == ([a], None)
    merged = town.done(f"{KNOWLEDGE}/merge", {"edge": b, "same_as": a, "note": "n"}, by=rita)
    assert (merged["statement"], merged["edges"], merged["state"]) == (a, [a, b], "standing")
    assert town.get(f"{KNOWLEDGE}/edges/{b}")["counted_with"] == [a]
    refused(town.post(f"{KNOWLEDGE}/merge", {"edge": b, "same_as": a, "note": "n"}, by=rita), 409, "same_already")
    assert town.done(f"{KNOWLEDGE}/split", {"edge": b, "note": "n"}, by=rita)["edges"] == [b]
    sampled = town.get(f"{KNOWLEDGE}/sample", artifact_id=gap, seed="7")["items"]
    assert {each["edge"] for each in sampled} == {a, b}
    verdicts = [{"edge": a, "right": True}, {"edge": b, "right": False}]
    judged = town.done(f"{KNOWLEDGE}/audit", {"verdicts": verdicts, "note": "read"}, by=rita, key=f"{gap} audit")
    assert (judged["right"], judged["wrong"]) == (1, 1)
    refused(town.post(f"{KNOWLEDGE}/retract", {"edge": a, "reason": "r"}, by=bob), 403, "not_the_contributor")
    assert town.done(f"{KNOWLEDGE}/retract", {"edge": b, "reason": "wrong"}, by=rita)["state"] == "retracted"
    stands = town.get(f"{KNOWLEDGE}/artifact/{gap}")
    assert (stands["edges_gained"], stands["submitted"], stands["retracted"]) == (0.7, 2, 1)
    assert (stands["judged"]["precision"], stands["judged"]["right"]) == (0.5, 1)
    assert 0 < stands["judged"]["low"] < 0.5 < stands["judged"]["high"] < 1
    mine = town.get(f"{KNOWLEDGE}/precision", actor=bob)
    assert (mine["right"], mine["wrong"], mine["precision"]) == (1, 0, 1)
    assert town.get(f"{KNOWLEDGE}/precision", actor=rita)["precision"] is None
    assert town.done(f"{KNOWLEDGE}/reinstate", {"edge": b, "reason": "right"}, by=rita)["state"] == "standing"
    assert town.get(f"{KNOWLEDGE}/work", artifact_id=gap)["items"] == [
        {"work_item": "w1", "edges_gained": 1.7, "submitted": 2, "retracted": 0}
    ]
    listed = town.get(f"{KNOWLEDGE}/edges", artifact_id=gap, limit=1)
    assert (listed["items"][0]["edge"], listed["next"]) == (b, 1)
    refused(town.client.get(f"{KNOWLEDGE}/edges/none"), 404, "unknown_edge")


def test_other_gains_go_in_and_are_taken_back(town: Town) -> None:
    alice = town.actor(0)
    gap = an_artifact(town)
    gains = [
        {"kind": "paper", "reference": f"DOI:{gap}", "amount": 1},
        {"kind": "quality", "reference": gap, "amount": "0.25"},
    ]
    told = learn(town, alice, gap, gains=gains)
    assert [line["outcome"] for line in told["gains"]] == ["first", "first"]
    found = town.get(f"{KNOWLEDGE}/gains", artifact_id=gap)["items"]
    assert {(each["kind"], each["amount"]) for each in found} == {("paper", 1), ("quality", 0.25)}
    done = town.done(
        f"{KNOWLEDGE}/gains/retract", {"kind": "paper", "reference": f"doi:{gap}", "reason": "not ours"}, by=alice
    )
    assert (done["artifact_type"], done["artifact_id"]) == ("gap", gap)
    stands = town.get(f"{KNOWLEDGE}/artifact/{gap}")
    assert (stands["papers"], stands["quality"]) == (0, 0.25)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "nothing_submitted"),
        ({"edges": [an_edge("")]}, 400, "name_invalid"),
        ({"edges": [{"subject": "a"}]}, 400, "request_invalid"),
        ({"edges": [an_edge("a", confidence=2)]}, 400, "confidence_invalid"),
        ({"edges": [an_edge("a", confidence=0.12345)]}, 400, "amount_too_fine"),
        ({"edges": [an_edge("a", sure=1)]}, 400, "request_invalid"),
        ({"gains": [{"kind": "paper", "reference": "x", "amount": 0.001}]}, 400, "amount_too_fine"),
        ({"gains": [{"kind": "paper", "reference": "x", "amount": 2}]}, 400, "gain_amount_invalid"),
        ({"gains": [{"kind": "quality", "reference": "x", "amount": 1.5}]}, 400, "gain_amount_invalid"),
        ({"gains": [{"kind": "poem", "reference": "x"}]}, 400, "gain_kind_unknown"),
        ({"edges": [an_edge("a")], "artifact_id": "none"}, 404, "unknown_entity"),
        ({"edges": [an_edge("a")], "artifact_id": "none", "artifact_type": "gap"}, 404, "unknown_entity"),
    ],
)
def test_what_cannot_be_submitted_says_why(
    town: Town, gap: str, body: dict[str, object], status: int, code: str
) -> None:
    refused(town.post(f"{KNOWLEDGE}/edges", {"artifact_id": gap, **body}), status, code)
    assert town.get(f"{KNOWLEDGE}/artifact/{gap}")["submitted"] == 0


@pytest.fixture(scope="module")
def gap(town: Town) -> str:
    return an_artifact(town)


def test_many_lines_of_many_edges_go_in_as_a_batch(town: Town) -> None:
    alice, gap = town.actor(0), an_artifact(town)
    lines = [
        {
            "do": "learn",
            "artifact_type": "gap",
            "artifact_id": gap,
            "edges": [an_edge(f"{gap} {n} {k}") for k in range(20)],
        }
        for n in range(50)
    ]
    lines.append({"do": "learn", "artifact_type": "gap", "artifact_id": gap, "edges": [an_edge("a", confidence=7)]})
    answer = town.client.post("/api/batch", json=lines, headers={"X-Scidex-Actor": alice, "Idempotency-Key": gap})
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["status"] for line in told] == ["done"] * 50 + ["refused"]
    assert told[-1]["problem"]["code"] == "confidence_invalid"
    assert town.get(f"{KNOWLEDGE}/artifact/{gap}")["edges_gained"] == 1000


def test_returns_are_shown_one_by_one_in_pages_and_ranked(town: Town) -> None:
    alice = town.actor(0)
    names = [an_artifact(town, "analysis") for _ in range(4)]
    for n, name in enumerate(names[:3]):
        learn(town, alice, name, *(f"{name} {k}" for k in range(n + 1)))
        used = {"artifact_id": name, "unit": "llm_standard", "amount": 1000, "usd": 0.5}
        town.done("/api/economics/usage", used, by=alice)
    one = town.get(f"/api/economics/roi/analysis/{names[1]}")
    assert (one["kg_edges_gained"], one["tokens_spent"], one["roi_score"]) == (2, 1000, 0.002)
    assert one["low"] < one["shrunk"] < one["high"] and one["prior"]["mean"] == pytest.approx(0.002)
    assert (one["spent"]["llm_standard"], one["cost_tokens"], one["usd"], one["without_rate"]) == (1000, 10, 0.5, [])
    idle = town.get(f"/api/economics/roi/analysis/{names[3]}")
    assert (idle["roi_score"], idle["shrunk"], idle["tokens_spent"]) == (None, None, 0)
    ranked = town.get("/api/economics/roi-ranking", artifact_type="analysis", limit=2)
    assert [each["artifact_id"] for each in ranked["items"]] == [names[2], names[1]]
    assert ranked["next"] == 2
    listed = pages(town, "/api/economics/roi", artifact_type="analysis", limit=3)
    assert [each["artifact_id"] for each in listed] == sorted(names)
    refused(town.client.get("/api/economics/roi/analysis/nothing"), 404, "unknown_entity")
    refused(town.client.get("/api/economics/roi", params={"after": "x"}), 400, "cursor_invalid")


# On the command line


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    opened = Home(folder, server.acquire())
    for name in ("alice", "bob"):
        opened.ask("actors", "register", name)
    opened.ask("actors", "register", "rita", "--role", "reviewer")
    opened.ask("entities", "register", "gap", "barrier", "A gap")
    yield opened
    server.release()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_command_line_goes_the_same_way(home: Home, tmp_path: Path) -> None:
    one = ("knowledge", "submit", "barrier", "tau", "spreads along", "synapses", "--source", "PMID:1", "--work", "w")
    told = home.ask(*one, "--confidence", "0.5", "--actor", "alice", "--key", "k1")
    assert (set(told), told["edges"][0]["outcome"]) == (keys_of(knowledge.LearnedDone), "first")
    file = tmp_path / "edges.jsonl"
    file.write_text("".join(json.dumps(an_edge(name)) + "\n" for name in ("Tau", "a", "b")))
    many = home.ask("knowledge", "submit", "barrier", "--file", str(file), "--actor", "bob")
    assert [line["outcome"] for line in many["edges"]] == ["first"] * 3
    a, b = (line["edge"] for line in many["edges"][1:])
    home.ask("knowledge", "gain", "barrier", "paper", "doi:1", "--actor", "bob")
    shown = home.ask("knowledge", "show", "barrier")
    assert (set(shown), shown["edges_gained"], shown["papers"]) == (keys_of(knowledge.KnowledgeView), 4, 1)
    assert len(home.ask("knowledge", "list", "barrier")["items"]) == 4
    assert home.ask("knowledge", "find", "TAU", "spreads along", "synapses")["edge"] == told["edges"][0]["edge"]
    assert len(home.ask("knowledge", "about", "tau")["items"]) == 2
    assert home.ask("knowledge", "merge", a, b, "--note", "n", "--actor", "rita")["edges"] == [b, a]
    assert home.ask("knowledge", "split", a, "--note", "n", "--actor", "rita")["state"] == "standing"
    assert len(home.ask("knowledge", "sample", "barrier", "--seed", "1", "--limit", "2")["items"]) == 2
    judged = home.ask("knowledge", "audit", "--right", a, "--wrong", b, "--note", "n", "--actor", "rita")
    assert (judged["right"], judged["wrong"]) == (1, 1)
    assert home.ask("knowledge", "precision", "bob")["precision"] == 0.5
    assert home.ask("knowledge", "retract", b, "--reason", "wrong", "--actor", "rita")["state"] == "retracted"
    assert home.ask("knowledge", "reinstate", b, "--reason", "right", "--actor", "rita")["state"] == "standing"
    assert home.ask("knowledge", "retract-gain", "paper", "DOI:1", "--reason", "r", "--actor", "bob")["kind"] == "paper"
    assert home.ask("knowledge", "gains", "barrier")["items"][0]["retracted_by"] == "bob"
    assert [each["work_item"] for each in home.ask("knowledge", "work", "barrier")["items"]] == [None, "w"]
    for words in (("edge", a), ("show", "barrier"), ("list", "barrier"), ("gains", "barrier"), ("work", "barrier")):
        assert home.run("knowledge", *words).code == 0
    home.ask("usage", "record", "barrier", "--amount", "1000", "--unit", "llm_standard", "--actor", "alice")
    found = home.ask("roi", "show", "barrier")
    assert (set(found), found["roi_score"]) == (keys_of(returns.RoiView), 0.004)
    (listed,), (ranked,) = home.ask("roi", "list")["items"], home.ask("roi", "rank", "--type", "gap")["items"]
    assert found | {"as_of": ""} == listed | {"as_of": ""} == ranked | {"as_of": ""}
    home.ask("entities", "register", "gap", "idle", "Nothing was spent")
    assert "unknown" in home.run("roi", "show", "idle").out
    told = home.run("roi", "rank")
    assert "roi score" in told.out and "0.004" in told.out
    assert home.run("roi", "show", "barrier").code == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("submit", "barrier"), 2, "either SUBJECT PREDICATE OBJECT or --file"),
        (("submit", "barrier", "a", "b", "--source", "s"), 2, "SUBJECT PREDICATE OBJECT with a --source"),
        (("submit", "barrier", "a", "b", "c"), 2, "SUBJECT PREDICATE OBJECT with a --source"),
        (("submit", "barrier", "--file", "none.jsonl"), 2, "a JSON object per line"),
        (("submit", "barrier", "--file", "none.jsonl", "--source", "s"), 2, "in a file each line says its own"),
        (("submit", "nothing", "a", "b", "c", "--source", "s"), 4, "unknown_entity"),
        (("audit", "--note", "n", "--actor", "rita"), 2, "nothing_submitted"),
        (("edge", "none"), 4, "unknown_edge"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(home: Home, words: tuple[str, ...], code: int, says: str) -> None:
    told = home.run("knowledge", *words)
    assert (told.code, says in " ".join(told.err.split())) == (code, True), told.err
