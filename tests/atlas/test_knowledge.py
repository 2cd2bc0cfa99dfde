"""What may be done with edges, by whom, and who has which share of them afterwards."""

from __future__ import annotations

import mpmath
import pytest
from tests.atlas.conftest import GAP, IDEA, edge, id_of

from scidex.atlas import knowledge
from scidex.atlas.knowledge import NewEdge, NewGain, Verdict
from scidex.core.errors import Refusal
from scidex.core.journal import Request, perform_one
from scidex.entities import EntityKey
from scidex.lab import audit

FIRST, CONFIRMS = "first", "confirms"


def test_the_same_edge_written_in_another_way_is_one_edge_in_shares(shelf):
    first = shelf.submit("alice", NewEdge("Tau", "spreads  across", "synapses", "PMID:1", 900), work="w1")
    assert [(line.outcome, line.parts) for line in first.edges] == [("first", 1_000_000)]
    again = shelf.submit("bob", NewEdge(" TAU", "Spreads across", "Synapses ", "PMID:2"), on=IDEA, work="w2")
    assert again.edges == (knowledge.EdgeLine(first.edges[0].edge, "confirms", 300_000),)
    assert again.changes == (knowledge.Change(GAP, -300_000), knowledge.Change(IDEA, 300_000))
    shelf.submit("carol", NewEdge("tau", "spreads across", "synapses", "PMID:3"))
    found = knowledge.find_edge(shelf.tx, first.edges[0].edge)
    assert (found.edge.predicate, found.statement.state, found.judgement) == ("spreads across", "standing", None)
    assert [(each.owner, each.role, each.parts, each.work_item, each.confidence) for each in found.submissions] == [
        ("alice", "first", 700_000, "w1", 900),
        ("bob", "confirms", 150_000, "w2", None),
        ("carol", "confirms", 150_000, None, None),
    ]
    assert (shelf.gained(GAP), shelf.gained(IDEA)) == (850_000, 150_000)


def test_nobody_confirms_himself_and_later_confirmers_find_it_full(shelf):
    shelf.enact(knowledge_confirmers_max=1)
    assert shelf.outcomes("alice", "a", "b", "a") == [("first", 10**6), ("first", 10**6), ("repeats", 0)]
    assert shelf.outcomes("bot", "a", on=IDEA) == [("repeats", 0)]
    assert shelf.outcomes("alice", "a", on=IDEA) == [("repeats", 0)]
    assert shelf.outcomes("bob", "a") == [("confirms", 300_000)]
    assert shelf.outcomes("carol", "a", on=IDEA) == [("full", 0)]
    assert shelf.gained(GAP) == 2_000_000
    assert knowledge.find_knowledge(shelf.tx, IDEA) == knowledge.EntityKnowledge(IDEA)


def test_what_a_reviewer_retracts_counts_for_nobody_until_it_is_reinstated(shelf):
    shelf.outcomes("alice", "a", "b")
    shelf.outcomes("bob", "a", on=IDEA)
    fallen = shelf.retract("a")
    assert (fallen.state, fallen.changes) == (
        "retracted",
        (knowledge.Change(GAP, -700_000), knowledge.Change(IDEA, -300_000)),
    )
    assert shelf.outcomes("carol", "a") == [("retracted", 0)]
    assert (shelf.gained(GAP), shelf.gained(IDEA)) == (1_000_000, 0)
    assert knowledge.find_knowledge(shelf.tx, GAP).retracted == 1
    with pytest.raises(knowledge.EdgeNotStanding):
        shelf.retract("a")
    back = knowledge.reinstate_edge(shelf.as_actor("ron"), edge=id_of("a"), reason="replicated").result
    assert back.state == "standing"
    assert shelf.shares("a") == [("alice", FIRST, 700_000), ("bob", CONFIRMS, 300_000)]
    assert knowledge.find_knowledge(shelf.tx, GAP).retracted == 0
    with pytest.raises(knowledge.EdgeNotRetracted):
        knowledge.reinstate_edge(shelf.as_actor("ron"), edge=id_of("a"), reason="replicated")


def test_who_alone_brought_it_withdraws_it_and_another_brings_it_back(shelf):
    shelf.outcomes("alice", "a")
    with pytest.raises(knowledge.NotTheContributor):
        shelf.retract("a", by="bob")
    assert shelf.retract("a", by="bot").state == "withdrawn"
    assert shelf.outcomes("alice", "a") == [("withdrawn", 0)]
    assert shelf.gained() == 0
    assert shelf.outcomes("bob", "a", on=IDEA) == [("first", 1_000_000)]
    assert shelf.outcomes("alice", "a") == [("withdrawn", 0)]
    assert shelf.shares("a") == [("alice", "withdrawn", 0), ("bob", FIRST, 1_000_000)]
    shelf.outcomes("carol", "a")
    for contributor in ("bob", "carol", "alice"):
        with pytest.raises(knowledge.NotTheContributor):
            shelf.retract("a", by=contributor)


def test_a_reviewer_retracts_even_what_was_withdrawn_so_that_nobody_brings_it_back(shelf):
    shelf.outcomes("alice", "a")
    shelf.retract("a", by="alice")
    with pytest.raises(knowledge.EdgeNotStanding):
        shelf.retract("a", by="alice")
    assert shelf.retract("a", by="rita").state == "retracted"
    assert shelf.outcomes("bob", "a") == [("retracted", 0)]
    assert knowledge.reinstate_edge(shelf.as_actor("rita"), edge=id_of("a"), reason="r").result.state == "withdrawn"
    assert shelf.outcomes("bob", "a") == [("first", 10**6)]


def test_merged_edges_count_once_for_all_who_brought_either_and_split_ones_as_before(shelf):
    shelf.outcomes("bob", "a'")
    shelf.outcomes("alice", "a", on=IDEA)
    shelf.outcomes("carol", "a", on=IDEA)
    shelf.outcomes("alice", "a'")
    before = shelf.shares("a"), shelf.shares("a'")
    assert before[1] == [("bob", FIRST, 700_000), ("alice", CONFIRMS, 300_000)]
    merged = shelf.merge("a'", "a")
    assert (merged.statement, set(merged.edges)) == (id_of("a"), {id_of("a"), id_of("a'")})
    # Bob was first of all, alice counts once, with what she brought first.
    whole = [
        ("bob", FIRST, 700_000),
        ("alice", CONFIRMS, 150_000),
        ("carol", CONFIRMS, 150_000),
        ("alice", "repeats", 0),
    ]
    assert shelf.shares("a") == shelf.shares("a'") == whole
    assert shelf.gained(GAP) + shelf.gained(IDEA) == 1_000_000
    assert shelf.outcomes("bob", "a") == [("repeats", 0)]
    with pytest.raises(knowledge.SameAlready):
        shelf.merge("a", "a'")
    assert shelf.split("a'").edges == (id_of("a'"),)
    assert (shelf.shares("a"), shelf.shares("a'")) == before
    with pytest.raises(knowledge.NotMerged):
        shelf.split("a'")


def test_merges_of_merges_are_split_from_the_outside(shelf):
    for by, subject in (("alice", "a"), ("bob", "b"), ("carol", "c")):
        shelf.outcomes(by, subject)
    shelf.merge("a", "b")
    assert len(shelf.merge("a", "c").edges) == 3
    assert shelf.gained() == 1_000_000
    with pytest.raises(knowledge.SplitOrder):
        shelf.split("a")
    assert set(shelf.split("b").edges) == {id_of("a"), id_of("b")}
    assert shelf.gained() == 2_000_000
    assert shelf.split("a").edges == (id_of("a"),)
    assert shelf.gained() == 3_000_000


def test_a_paraphrase_of_what_was_retracted_falls_with_it(shelf):
    shelf.outcomes("alice", "a", "b", "c")
    shelf.retract("a", by="rita")
    assert shelf.merge("b", "a").state == "retracted"
    assert shelf.gained() == 1_000_000
    with pytest.raises(knowledge.EdgeNotStanding):
        shelf.merge("b", "c")
    assert shelf.split("b").state == "standing"
    assert shelf.gained() == 2_000_000


def test_a_split_leaves_what_its_only_contributor_had_withdrawn_withdrawn(shelf):
    shelf.outcomes("alice", "a", "b")
    shelf.merge("a", "b")
    assert shelf.retract("b", by="alice").state == "withdrawn"
    assert shelf.outcomes("bob", "a") == [("first", 10**6)]
    assert shelf.split("a").state == "standing"
    assert knowledge.find_edge(shelf.tx, id_of("b")).statement.state == "withdrawn"
    assert shelf.gained() == 1_000_000


def test_no_more_than_the_policy_says_are_merged(shelf):
    shelf.enact(knowledge_merged_max=2)
    shelf.outcomes("alice", "a", "b", "c")
    shelf.merge("a", "b")
    with pytest.raises(knowledge.MergeTooLarge):
        shelf.merge("c", "a")


def test_what_is_counted_together_changed_meanwhile_is_asked_for_again(shelf):
    shelf.outcomes("alice", "a", "b", "c")
    shelf.merge("a", "b")
    stale = knowledge.MergeEdges(id_of("b"), id_of("c"), "n", (id_of("b"),))
    with pytest.raises(knowledge.StatementMoved):
        perform_one(shelf.as_actor("rita"), Request(stale, "rita"))
    assert shelf.gained() == 2_000_000


def test_judged_samples_count_for_all_who_brought_the_edges_then_or_later(shelf):
    shelf.outcomes("alice", "a", "b", "c", "d")
    shelf.outcomes("bob", "a", on=IDEA)
    assert shelf.judge(a=True, b=True, c=False) == knowledge.Audited(2, 1)
    shelf.judge("ron", b=False)
    shelf.outcomes("bob", "c", on=IDEA)
    shelf.retract("c")
    mine, theirs = (knowledge.find_knowledge(shelf.tx, entity) for entity in (GAP, IDEA))
    assert (mine.judged_right, mine.judged_wrong) == (1, 2)
    assert (theirs.judged_right, theirs.judged_wrong) == (1, 1)
    assert knowledge.find_judged(shelf.tx, "alice") == (1, 2)
    assert knowledge.find_judged(shelf.tx, "bob") == (1, 1)
    judgement = knowledge.find_edge(shelf.tx, id_of("b")).judgement
    assert (judgement.right, judgement.reviewer) == (False, "ron")


def test_precision_comes_with_its_interval():
    found = knowledge.precision_of(knowledge.Judged(18, 2), 0.9)
    assert found.value == 0.9
    # Jeffreys' interval leaves five per cent of Beta(18.5, 2.5) on either side.
    below = [float(mpmath.betainc(18.5, 2.5, 0, end, regularized=True)) for end in (found.low, found.high)]
    assert below == pytest.approx([0.05, 0.95])
    assert knowledge.precision_of(knowledge.Judged(0, 0)) is None


def test_a_sample_is_by_chance_the_same_for_a_seed_and_of_what_nobody_has_judged(shelf):
    shelf.outcomes("alice", *(f"s{n}" for n in range(30)))
    shelf.retract("s0")
    shelf.judge(s1=True)
    found = [each.subject for each in knowledge.find_sample(shelf.tx, GAP, seed="x", limit=100)]
    assert sorted(found) == sorted(f"s{n}" for n in range(2, 30))
    assert found != sorted(found)
    assert [each.subject for each in knowledge.find_sample(shelf.tx, GAP, seed="x", limit=5)] == found[:5]
    assert [each.subject for each in knowledge.find_sample(shelf.tx, GAP, seed="y", limit=5)] != found[:5]


def test_other_gains_count_once_and_are_taken_back(shelf):
    gains = [NewGain("paper", "doi:10.1/X"), NewGain("hypothesis", "tau v2"), NewGain("quality", "tau v2", 250)]
    told = shelf.submit("alice", gains=gains, work="w")
    assert [line.outcome for line in told.gains] == ["first"] * 3
    again = shelf.submit("bob", on=IDEA, gains=[NewGain("paper", "DOI:10.1/x")])
    assert again.gains == (knowledge.GainLine("paper", "doi:10.1/x", "repeats"),)
    stands = knowledge.find_knowledge(shelf.tx, GAP)
    assert (stands.papers, stands.hypotheses, stands.quality) == (1, 1, 250)
    with pytest.raises(knowledge.NotYourGain):
        knowledge.retract_gain(shelf.as_actor("bob"), kind="paper", reference="doi:10.1/x", reason="r")
    knowledge.retract_gain(shelf.as_actor("bot"), kind="paper", reference="DOI:10.1/X", reason="r")
    knowledge.retract_gain(shelf.as_actor("rita"), kind="quality", reference="tau v2", reason="r")
    with pytest.raises(knowledge.GainWithdrawn):
        knowledge.retract_gain(shelf.as_actor("rita"), kind="quality", reference="tau v2", reason="r")
    with pytest.raises(knowledge.UnknownGain):
        knowledge.retract_gain(shelf.as_actor("rita"), kind="paper", reference="tau v2", reason="r")
    assert shelf.submit("bob", on=IDEA, gains=gains[:1]).gains[0].outcome == "retracted"
    stands = knowledge.find_knowledge(shelf.tx, GAP)
    assert (stands.papers, stands.hypotheses, stands.quality) == (0, 1, 0)
    assert {each.said: each.amount for each in knowledge.find_gains_of(shelf.tx, GAP)}["tau v2"] in (1, 250)


def test_work_items_have_what_was_gained_with_them(shelf):
    shelf.submit("alice", edge("a"), edge("b"), work="w1")
    shelf.submit("bob", edge("a"), edge("c"), work="w2")
    shelf.submit("carol", edge("d"))
    shelf.retract("b")
    assert knowledge.find_work_gains(shelf.tx, GAP) == [
        ("w2", 1_300_000, 2, 0),
        (None, 1_000_000, 1, 0),
        ("w1", 700_000, 2, 1),
    ]
    assert [(each.subject, own.parts) for each, own in knowledge.find_submissions(shelf.tx, GAP, limit=3)] == [
        ("d", 1_000_000),
        ("c", 1_000_000),
        ("a", 300_000),
    ]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "nothing_submitted"),
        ({"edges": [edge("a")] * 4}, "too_many_edges"),
        ({"edges": [edge(" ")]}, "name_invalid"),
        ({"edges": [edge("a\u200bb")]}, "name_invalid"),
        ({"edges": [edge("a" * 501)]}, "name_invalid"),
        ({"edges": [NewEdge(None, "b", "c", "d")]}, "name_invalid"),
        ({"edges": [edge("a"), NewEdge("a", "b", "c", "")]}, "name_invalid"),
        ({"edges": [edge("a", confidence=1001)]}, "confidence_invalid"),
        ({"edges": [edge("a", confidence=True)]}, "confidence_invalid"),
        ({"edges": [edge("a")], "work_item": ""}, "name_invalid"),
        ({"edges": [edge("a")], "entity": EntityKey("gap", "none")}, "unknown_entity"),
        ({"gains": [NewGain("poem", "x")]}, "gain_kind_unknown"),
        ({"gains": [NewGain("paper", "x", 2)]}, "gain_amount_invalid"),
        ({"gains": [NewGain("quality", "x", 0)]}, "gain_amount_invalid"),
        ({"gains": [NewGain("quality", "x", 1001)]}, "gain_amount_invalid"),
        ({"gains": [NewGain("quality", "x", -1)]}, "gain_amount_invalid"),
        ({"gains": [NewGain("paper", "")]}, "name_invalid"),
    ],
)
def test_what_cannot_be_submitted_says_why_and_leaves_nothing(shelf, given, code):
    shelf.enact(knowledge_lines_max=3)
    with pytest.raises(Refusal) as refused:
        knowledge.submit_knowledge(shelf.as_actor("alice"), **{"entity": GAP, **given})
    assert refused.value.code == code
    assert knowledge.find_submissions(shelf.tx, GAP) == []


def test_only_reviewers_without_a_share_judge_merge_split_and_reinstate(shelf):
    shelf.outcomes("alice", "a", "b")
    shelf.outcomes("rita", "b")
    for who, code in (("bob", "role_needed"), ("nobody", "unknown_actor"), ("rita", "auditor_has_stake")):
        for ask in (
            lambda who=who: shelf.merge("a", "b", by=who),
            lambda who=who: shelf.judge(who, b=True),
            lambda who=who: knowledge.reinstate_edge(shelf.as_actor(who), edge=id_of("b"), reason="r"),
        ):
            with pytest.raises(Refusal) as refused:
                ask()
            assert refused.value.code == code
    shelf.merge("a", "b", by="ron")
    with pytest.raises(knowledge.AuditorHasStake):
        shelf.split("a", by="rita")


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], "nothing_submitted"),
        ([Verdict(id_of("a"), True)] * 2, "verdict_repeated"),
        ([Verdict(id_of("zzz"), True)], "unknown_edge"),
    ],
)
def test_a_sample_that_cannot_be_judged_says_why(shelf, verdicts, code):
    shelf.outcomes("alice", "a")
    with pytest.raises(Refusal) as refused:
        knowledge.audit_edges(shelf.as_actor("rita"), verdicts=verdicts, note="n")
    assert refused.value.code == code
    assert knowledge.find_edge(shelf.tx, id_of("a")).judgement is None


def test_what_is_not_there_is_not_found(shelf):
    for ask in (
        lambda: shelf.retract("zzz"),
        lambda: shelf.merge("zzz", "a"),
        lambda: shelf.split("zzz"),
        lambda: knowledge.find_edge(shelf.tx, "zzz"),
    ):
        with pytest.raises(knowledge.UnknownEdge):
            ask()


def test_a_repeated_key_answers_the_same_also_where_more_was_merged_since(shelf):
    first = shelf.submit("alice", edge("a"), edge("b"), edge("c"), key="k")
    assert shelf.submit("alice", edge("a"), edge("b"), edge("c"), key="k") == first
    ask = {"edge": id_of("a"), "same_as": id_of("b"), "note": "n", "key": "m"}
    merged = knowledge.merge_edges(shelf.as_actor("rita"), **ask)
    shelf.merge("b", "c")
    assert knowledge.merge_edges(shelf.as_actor("rita"), **ask).result == merged.result


def test_a_thousand_edges_take_as_many_statements_as_one(shelf, monkeypatch):
    asked = []
    execute = type(shelf.tx.connection).execute

    def counted(connection, query, *given):
        asked.append(query)
        return execute(connection, query, *given)

    monkeypatch.setattr(type(shelf.tx.connection), "execute", counted)
    counts = []
    for size in (1, 1000):
        asked.clear()
        told = shelf.submit("alice", *(edge(f"{size}-{n}") for n in range(size)))
        counts.append(len(asked))
        assert {line.outcome for line in told.edges} == {"first"}
    assert counts[1] <= counts[0] <= 20
    assert shelf.gained() == 1001 * 1_000_000


def test_the_audit_sees_a_share_that_nobody_decided(shelf):
    shelf.outcomes("alice", "a", "b")
    assert [each for each in audit(shelf.tx).findings if each.check == "knowledge"] == []
    shelf.tx.execute("UPDATE knowledge_submission SET parts = 999999 WHERE edge = %s", [id_of("a")])
    shelf.tx.execute("UPDATE knowledge_of_entity SET papers = 7")
    shelf.tx.execute("UPDATE knowledge_edge SET statement = 'other' WHERE edge = %s", [id_of("b")])
    found = [str(each) for each in audit(shelf.tx).findings if each.check == "knowledge"]
    assert len(found) == 6
    for told in (
        "its shares sum to 999999, not 1000000",
        "has papers of 7, by its rows 0",
        "is not counted in its statement other",
    ):
        assert any(told in each for each in found), found
