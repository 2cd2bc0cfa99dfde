"""Signals become components, components a score; what is not known is never guessed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAWN, FakeClock, Town

from scidex.actors import register_actor
from scidex.atlas import knowledge
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity, register_entity
from scidex.exchange.resource_allocator import record_resource_spending
from scidex.lab import audit
from scidex.ledger import AccountKey, issue
from scidex.policy import Policy
from scidex.senate import budgets, scores
from scidex.surfaces.http.app import create_app

GAP = EntityKey("gap", "g")
ONE = 1_000_000
DAY = 86_400
POLICY = Policy()
NOTHING = scores.Ground(0, 0, 0, 0, None)


class Ratings(Town):
    """The gap g, entered by the operator, two reviewers, and agents who may be interested."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self.artifact("g", "gap")
        for name in ("rita", "rolf"):
            register_actor(self.as_actor("operator"), name=name, roles=("reviewer",))

    def agent(self, name: str, **lineage: str) -> str:
        register_actor(self.as_actor("operator"), name=name, **lineage)
        return name

    def signal(
        self, kind: str, value: float = 1, source: str = "", *, by: str = "rita", weight: float = 1, of: EntityKey = GAP
    ) -> int:
        return scores.record_signal(
            self.as_actor(by), entity=of, kind=kind, value=round(value * ONE), weight=round(weight * ONE), source=source
        ).result.signal

    def parts(self, of: EntityKey = GAP) -> dict[str, scores.Component]:
        found = scores.explain_score(self.tx, entity_id=of.entity_id, entity_type=of.entity_type)
        return {component.name: component for component in found.components}

    def complete(self) -> None:
        self.signal("paper", 1, "PMID:1")
        self.signal("goal", 0.5, "mission")
        self.signal("interest", 1, by=self.agent("ann"))


@pytest.fixture
def ratings(tx: Tx) -> Ratings:
    return Ratings(tx)


def test_what_nobody_said_is_unknown_and_the_score_lies_between_bounds(ratings: Ratings):
    found = scores.explain_score(ratings.tx, entity_id="g")
    assert [component.value for component in found.components] == [None, 1.0, None, None]
    assert (found.score, found.low, found.high, found.written) == (None, 250_000, ONE, None)
    ratings.signal("paper", 1, "PMID:1")
    scores.compute_scores(ratings.tx, entities=[GAP])
    written = scores.find_score(ratings.tx, GAP)
    assert (written.evidence, written.novelty, written.alignment, written.score) == (250_000, ONE, None, None)
    assert (written.low, written.high) == (337_500, 737_500)
    assert budgets.find_budget(ratings.tx, GAP) is None
    assert scores.find_scores(ratings.tx) == (["gap"], ["g"], [None])


def test_a_score_is_the_formula_and_becomes_the_priority(ratings: Ratings):
    ratings.complete()
    (receipt,) = scores.compute_due_scores(ratings.as_actor("system"))
    # 0.35 * 1/4 + 0.25 * 1 + 0.20 * 0.5 + 0.20 * 1/6
    assert receipt.result.scores == ((GAP, 470_833),)
    assert budgets.find_budget(ratings.tx, GAP).priority_score == 0.470833
    assert scores.find_scores(ratings.tx) == (["gap"], ["g"], [0.470833])
    assert scores.compute_due_scores(ratings.as_actor("system")) == []
    ratings.signal("replication", 1, "doi:10.1000/1")
    assert len(scores.compute_due_scores(ratings.as_actor("system"))) == 1
    ratings.pass_by(DAY)
    assert len(scores.compute_due_scores(ratings.as_actor("system"))) == 1


def test_a_priority_leaves_grants_and_their_idle_time_as_they_were(ratings: Ratings):
    issue(ratings.as_actor("operator"), account=AccountKey("pool:main", "pool", "llm_standard"), amount=100, reason="x")
    budgets.set_budget(ratings.tx, entity=GAP, pool="main", budgets={"llm_standard": 50})
    before = budgets.find_budget(ratings.tx, GAP)
    ratings.complete()
    ratings.pass_by(60)
    scores.compute_scores(ratings.tx, entities=[GAP])
    score = scores.find_score(ratings.tx, GAP).score
    assert budgets.find_budget(ratings.tx, GAP) == before._replace(priority_score=score / ONE)


def test_evidence_saturates_and_refutations_weigh_against(ratings: Ratings):
    values = []
    for number in range(1, 13):
        ratings.signal("paper", 1, f"PMID:{number}")
        values.append(ratings.parts()["evidence_strength"].value)
    assert values == pytest.approx([n / (n + 3) for n in range(1, 13)])
    ratings.signal("replication", 0, "doi:10.1000/1")
    assert ratings.parts()["evidence_strength"].value == pytest.approx(12 / (12 + 3 + 3))


def test_the_same_source_counts_once_whoever_and_how_often(ratings: Ratings):
    for _ in range(5):
        ratings.signal("paper", 1, "PMID:1")
    assert ratings.parts()["evidence_strength"].value == pytest.approx(1 / 4)
    ratings.signal("paper", 0, "PMID:1", by="rolf")
    assert ratings.parts()["evidence_strength"].value == pytest.approx(0.5 / 4)
    ratings.signal("paper", 1, "PMID:1", weight=0)
    assert ratings.parts()["evidence_strength"].value == 0
    assert [part.actor for part in ratings.parts()["evidence_strength"].parts] == ["rolf"]


def test_a_signal_counts_half_after_the_half_life(ratings: Ratings):
    ratings.signal("paper", 1, "PMID:1")
    ratings.pass_by(POLICY.score_half_life_s)
    (part,) = ratings.parts()["evidence_strength"].parts
    assert part.counts == 0.5


def test_alignment_is_the_mean_of_reviewers_over_the_goals_that_were_rated():
    policy = Policy(roadmap_goals={"map": "3", "cure": "1", "teach": "5"})

    def rating(number: int, goal: str, value: float, who: str) -> scores.Counted:
        return scores.Counted(number, "goal", round(value * ONE), ONE, goal, who, who, None, DAWN)

    rated = [rating(1, "map", 1, "rita"), rating(2, "map", 0.5, "rolf"), rating(3, "cure", 0, "rita")]
    found = scores.strategic_alignment(rated, policy, DAWN)
    assert found.value == pytest.approx((3 * 0.75 + 1 * 0) / 4)
    assert len(found.parts) == 3


def test_novelty_falls_with_what_was_spent_and_gained_here_and_nearby(ratings: Ratings):
    operator = ratings.as_actor("operator")
    for name in ("a", "b", "c"):
        register_entity(operator, entity_type="gap", entity_id=name, title=name, domain="tau")
    issue(operator, account=AccountKey("pool:main", "pool", "llm_standard"), amount=10**7, reason="x")
    budgets.set_budget(operator, entity=EntityKey("gap", "a"), pool="main", budgets={"llm_standard": 10**6})
    record_resource_spending("a", 10**6, artifact_type="gap", tx=operator)
    assert ratings.parts(EntityKey("gap", "a"))["novelty"].value == pytest.approx(1 / 2)
    # b and c have half of the mean of the others of their field: half of 10^6 / 2.
    assert ratings.parts(EntityKey("gap", "b"))["novelty"].value == pytest.approx(1 / 1.25)
    assert ratings.parts()["novelty"].value == 1
    edges = tuple(knowledge.NewEdge(f"s{n}", "binds", "x", "PMID:1") for n in range(50))
    knowledge.submit_knowledge(operator, entity=GAP, edges=edges)
    assert ratings.parts()["novelty"].value == pytest.approx(1 / 1.5)
    # The edges are evidence too: links of the Atlas.
    assert ratings.parts()["evidence_strength"].value == pytest.approx(10 / 13)


def test_interest_is_of_owners_and_families_and_one_moves_it_by_a_bounded_amount(ratings: Ratings):
    ratings.signal("interest", 1, by=ratings.agent("ann"))
    assert ratings.parts()["community_interest"].value == pytest.approx(1 / 6)
    for number in range(20):
        ratings.signal("interest", 1, by=ratings.agent(f"bot{number}", owner="ann"))
    assert ratings.parts()["community_interest"].value == pytest.approx(1 / 6)
    for number in range(20):
        ratings.signal("interest", 1, by=ratings.agent(f"opus{number}", family="opus"))
    assert ratings.parts()["community_interest"].value == pytest.approx(2 / 7)
    ratings.signal("interest", 1, by=ratings.agent("mine", owner="operator"))
    assert ratings.parts()["community_interest"].value == pytest.approx(2 / 7), "the own side is not asked"


voices = st.lists(
    st.tuples(
        st.integers(0, 8), st.sampled_from((None, None, "opus", "gpt")), st.integers(0, ONE), st.integers(0, 900)
    ),
    max_size=12,
    unique_by=lambda each: each[0],
)


@given(voices, st.integers(0, ONE))
def test_whatever_others_say_one_more_voice_moves_interest_by_a_sixth_at_most(found, value):
    signals = [
        scores.Counted(n, "interest", said, ONE, "", f"a{n}", f"a{n}", family, DAWN - timedelta(days=days))
        for n, family, said, days in found
    ]
    one = scores.Counted(99, "interest", value, ONE, "", "new", "new", None, DAWN)
    before = scores.community_interest(signals, POLICY, DAWN).value or 0
    after = scores.community_interest([*signals, one], POLICY, DAWN).value
    assert after is not None
    assert abs(after - before) <= 1 / 6 + 1e-9
    assert 0 <= after < 1


@given(st.lists(st.one_of(st.none(), st.integers(0, ONE)), min_size=4, max_size=4))
def test_a_score_lies_within_its_bounds_whatever_is_unknown(components):
    score, low, high = scores.score_of(components, POLICY)
    assert 0 <= low <= high <= ONE
    assert (score is None) == (None in components)
    filled = (
        [0 if part is None else part for part in components],
        [ONE if part is None else part for part in components],
    )
    assert [scores.score_of(each, POLICY)[0] for each in filled] == [low, high]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "rumour"}, "signal_invalid"),
        ({"value": 1.1}, "signal_invalid"),
        ({"weight": -0.1}, "signal_invalid"),
        ({"source": "a friend"}, "signal_invalid"),
        ({"source": ""}, "name_invalid"),
        ({"kind": "goal", "source": "fame"}, "signal_invalid"),
        ({"kind": "interest", "source": "PMID:1"}, "signal_invalid"),
        ({"by": "bob"}, "role_needed"),
        ({"by": "ghost"}, "unknown_actor"),
        ({"by": "operator"}, "own_signal"),
        ({"of": EntityKey("gap", "nowhere")}, "unknown_entity"),
    ],
)
def test_what_is_no_signal_is_refused(ratings: Ratings, change: dict, code: str):
    ratings.agent("bob")
    with pytest.raises(Refusal) as caught:
        ratings.signal(**{"kind": "paper", "value": 1, "source": "PMID:1", **change})
    assert caught.value.code == code


def test_scores_over_http_and_the_keeper_and_the_audit(economy: Economy, clock: FakeClock):
    client = TestClient(create_app(economy))

    def post(path: str, body: dict, by: str, status: int = 200) -> dict:
        answer = client.post(f"/api/{path}", json=body, headers={"X-Scidex-Actor": by})
        assert answer.status_code == status, answer.text
        return answer.json()

    post("actors", {"name": "rita", "roles": ["reviewer"]}, "operator")
    post("actors", {"name": "ann"}, "operator")
    economy.perform_all([Request(RegisterEntity("gap", "a/b", "A gap"), "operator")])
    paper = {"artifact_id": "a/b", "kind": "paper", "value": "0.9", "source": "PMID:1"}
    assert post("economics/scores/signals", paper, "rita")["kind"] == "paper"
    assert post("economics/scores/signals", paper, "ann", 403)["code"] == "role_needed"
    assert post("economics/scores/signals", paper | {"value": 2}, "rita", 400)["code"] == "signal_invalid"
    seen = client.get("/api/economics/scores/gap/a/b").json()
    assert (seen["score"], seen["unknown"]) == (None, ["strategic_alignment", "community_interest"])
    assert seen["components"][0]["signals"][0]["source"] == "PMID:1"
    post("economics/scores/signals", paper | {"kind": "goal", "source": "mission"}, "rita")
    post("economics/scores/signals", {"artifact_id": "a/b", "kind": "interest", "value": 1}, "ann")
    clock.pass_by(10)
    assert economy.tend() == 1
    assert economy.tend() == 0
    seen = client.get("/api/economics/scores/gap/a/b").json()
    assert seen["written"]["score"] == seen["score"] is not None
    assert seen["components"][3]["signals"][0]["age_s"] == 10
    assert client.get("/api/economics/scores").json()["items"] == [seen["written"]]
    assert post("economics/scores/compute", {"artifact_id": "a/b"}, "ann")["scores"][0]["score"] == seen["score"]
    assert client.get("/api/economics/scores/gap/none").json()["code"] == "unknown_entity"
    report = economy.database.run(audit, actor="auditor", pipelined=False)
    assert report.ok, report.findings
