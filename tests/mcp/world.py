"""A world in which every tool has something to do, and the calls of each: one that is allowed, one that is denied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from scidex.actors import register_actor
from scidex.core.units import TOKEN
from scidex.economy import Economy
from scidex.entities import EntityKey, register_entity
from scidex.exchange.bounties import claim_bounty, offer_bounty, submit_work
from scidex.exchange.markets import open_market
from scidex.exchange.settlement import Benchmark, Replication, dispute_resolution, propose_resolution
from scidex.ledger import AccountKey, issue, wallet_of
from scidex.senate.budgets import set_budget

T = TOKEN.parts
PASSED = Benchmark("PMID:31978945", "CASP", "GDT", Decimal("92.4"), Decimal(90), "at_least")
REFUTED = Replication("doi:10.1038/s41586-021-03819-2", "refuted", 120, "effect size", Decimal("0.02"))
BENCHMARK = {
    "sort": "benchmark",
    "reference": "PMID:31978945",
    "benchmark": "CASP",
    "metric": "GDT",
    "value": "92.4",
    "threshold": "90",
    "passes": "at_least",
}
REPLICATION = {
    "sort": "replication",
    "reference": "PMID:31978946",
    "result": "refuted",
    "samples": 120,
    "metric": "effect size",
    "value": "0.02",
}
ENDED = ("ended", "wrong", "disputed", "due")
Call = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


class Calendar:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) - timedelta(days=25)

    def __call__(self) -> datetime:
        return self.now


def found(economy: Economy, calendar: Calendar) -> None:
    """Alice is an agent, rita a reviewer and resolver without a stake; four markets are at stages of their end."""
    today = datetime.now(UTC)

    def do(actor: str, action: Callable[..., Any], **given: Any) -> Any:
        return economy.run(lambda tx: action(tx, **given), actor=actor).result

    for name, roles in {"alice": (), "bob": (), "pat": (), "dan": (), "rita": ("reviewer", "resolver")}.items():
        do("operator", register_actor, name=name, roles=roles)
        do("operator", issue, account=wallet_of(name), amount=1000 * T, reason="endowment")
    for name in ("rolf", "rosa", "ruth", "remo"):
        do("operator", register_actor, name=name, roles=("reviewer",))
    for kind, name in (("gap", "g"), ("gap", "other"), *(("hypothesis", each) for each in ("h", "h2", *ENDED))):
        do("operator", register_entity, entity_type=kind, entity_id=name, title=f"Title of {name}")
    for pool in ("main", "proposals"):
        do("operator", issue, account=AccountKey(f"pool:{pool}", "pool", "llm_standard"), amount=10**6, reason="cycle")
    gap = EntityKey("gap", "g")
    terms = {"priority_score": 0.5, "market_weight": 0.5}
    do("operator", set_budget, entity=gap, pool="main", budgets={"llm_standard": 500_000}, **terms)
    opened = partial(do, "bob", open_market, liquidity=100 * T, question="Is it so?")
    opened(market="m", artifact=EntityKey("hypothesis", "h"))
    for name in ENDED:
        closes = calendar.now + timedelta(days=1)
        opened(market=name, artifact=EntityKey("hypothesis", name), closes_at=closes)
    calendar.now = today - timedelta(days=20)
    do("pat", propose_resolution, market="due", outcome="yes", evidence=(PASSED,))
    calendar.now = today - timedelta(days=1)
    do("pat", propose_resolution, market="wrong", outcome="yes", evidence=(PASSED,))
    do("pat", propose_resolution, market="disputed", outcome="yes", evidence=(PASSED,))
    do("dan", dispute_resolution, market="disputed", outcome="no", evidence=(REFUTED,))
    for purpose in ("to be awarded", "to be declined"):
        terms = {"artifact": gap, "amount": 50 * T, "seconds": 30 * 86_400, "purpose": purpose}
        bounty = do("bob", offer_bounty, **terms).bounty
        do("dan", claim_bounty, bounty=bounty, seconds=86_400)
        work = EntityKey("analysis", f"by dan, {purpose}")
        do("dan", register_entity, entity_type=work.entity_type, entity_id=work.entity_id, title="What dan made")
        do("dan", submit_work, bounty=bounty, output=work, note="see logs")
    economy.review(pool="main", cycle="2026-W01", actor="operator")


class Script:
    """Calls tools and remembers which were allowed and which denied."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.allowed: set[str] = set()
        self.denied: set[str] = set()

    async def does(self, actor: str, tool: str, /, **arguments: Any) -> Any:
        answer = await self._call(actor, tool, arguments)
        assert answer["decision"] == "ALLOW", (tool, arguments, answer)
        self.allowed.add(tool)
        return answer["answer"]

    async def may_not(self, actor: str, tool: str, code: str, /, **arguments: Any) -> None:
        answer = await self._call(actor, tool, arguments)
        assert (answer["decision"], answer.get("code")) == ("DENY", code), (tool, arguments, answer)
        assert answer["detail"] and "answer" not in answer
        self.denied.add(tool)


async def trade(script: Script) -> None:
    """Alice trades, opens a market, and runs it; rita stages it."""
    does, may_not = script.does, script.may_not
    listed = await does("alice", "market_find", state="open")
    assert "m" in [market["market"] for market in listed["items"]]
    await may_not("alice", "market_find", "arguments_invalid", limit=0)
    quoted = await does("alice", "market_quote", market="m", outcome="yes", spend=10)
    bought = await does("alice", "market_buy", market="m", outcome="yes", spend=10, idempotency_key="buy 1")
    assert bought["shares"] == quoted["shares"] and not bought["repeated"]
    again = await does("alice", "market_buy", market="m", outcome="yes", spend=10, idempotency_key="buy 1")
    assert again == {**bought, "repeated": True}
    await may_not("alice", "market_buy", "key_reused", market="m", outcome="yes", spend=11, idempotency_key="buy 1")
    await may_not("alice", "market_quote", "arguments_invalid", outcome="yes", spend=10)
    await does("alice", "market_sell", market="m", outcome="yes", shares=5)
    await may_not("alice", "market_sell", "insufficient_shares", market="m", outcome="yes", shares=500)
    await does("alice", "market_say", market="m", say="stake 2 tokens that it holds")
    await may_not("alice", "market_say", "words_invalid", market="m", say="sing")
    placed = await does("alice", "market_limit", market="m", outcome="yes", shares=3, limit_price=0.2)
    await may_not("alice", "market_limit", "limit_price_invalid", market="m", outcome="yes", shares=3, limit_price=2)
    order = placed["order"]
    assert order in [row["order"] for row in (await does("alice", "market_orders", market="m"))["items"]]
    await may_not("alice", "market_orders", "arguments_invalid", limit=0)
    assert (await does("alice", "market_price", artifact_id="h"))["market"] == "m"
    for tool, given in {
        "market_price": {"market": "m"},
        "market_book": {"market": "m"},
        "market_history": {"market": "m"},
        "market_candles": {"market": "m"},
        "market_settlement": {"market": "due"},
    }.items():
        await does("alice", tool, **given)
        await may_not("alice", tool, "unknown_market", market="nowhere")
    await does("alice", "market_cancel", market="m", order=order)
    await may_not("alice", "market_cancel", "unknown_order", market="m", order="o999")
    held = await does("alice", "market_positions")
    assert [row["market"] for row in held["items"]] == ["m"]
    await may_not("alice", "market_positions", "cursor_invalid", after="nonsense")
    await does("alice", "market_portfolio")
    await may_not("alice", "market_portfolio", "unknown_actor", actor="nobody")
    await does("alice", "market_leaderboard")
    await may_not("alice", "market_leaderboard", "arguments_invalid", offset=-1)
    await does("alice", "market_signals", artifact_id="h")
    await may_not("alice", "market_signals", "unknown_entity", artifact_id="nothing")
    await does("alice", "market_open", market="fresh", artifact_id="h2", question="Is h2 so?", liquidity=50)
    await may_not("alice", "market_open", "unknown_entity", market="x", artifact_id="x", question="Is it?", liquidity=5)
    await does("alice", "market_require_stages", market="fresh")
    await may_not("alice", "market_require_stages", "unknown_market", market="nowhere")
    await does("rita", "market_stage", market="fresh", stage="registered", evidence=[BENCHMARK])
    await may_not("alice", "market_stage", "role_needed", market="fresh", stage="run", evidence=[BENCHMARK])
    await does("alice", "market_liquidity", market="fresh", liquidity=60)
    await may_not("alice", "market_liquidity", "unknown_market", market="nowhere", liquidity=60)
    later = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    change = {"at": later, "liquidity": 80}
    planned = await does("alice", "market_plan_liquidity", market="fresh", changes=[change])
    await may_not("alice", "market_plan_liquidity", "unknown_market", market="nowhere", changes=[change])
    await does("alice", "market_cancel_plan", market="fresh", change=planned["changes"][0]["change"])
    await may_not("alice", "market_cancel_plan", "unknown_change", market="fresh", change="l9-9")


async def end(script: Script) -> None:
    """Markets are proposed, disputed, decided, and end."""
    does, may_not = script.does, script.may_not
    assert {"due", "wrong", "disputed"} <= {
        row["market"] for row in (await does("alice", "market_settlements"))["items"]
    }
    await may_not("alice", "market_settlements", "arguments_invalid", state="gone")
    await does("alice", "market_propose_end", market="ended", outcome="yes", evidence=[BENCHMARK])
    await may_not(
        "alice", "market_propose_end", "unknown_market", market="nowhere", outcome="yes", evidence=[BENCHMARK]
    )
    await does("alice", "market_dispute", market="wrong", outcome="no", evidence=[REPLICATION])
    await may_not("alice", "market_dispute", "unknown_market", market="nowhere", outcome="no", evidence=[REPLICATION])
    await does("rita", "market_decide", market="disputed", outcome="yes", reason="the numbers say so")
    await may_not("alice", "market_decide", "role_needed", market="wrong", outcome="yes", reason="because")
    await does("alice", "market_advance", market="due")
    await may_not("alice", "market_advance", "unknown_market", market="nowhere")


async def spend(script: Script) -> None:
    """Alice reserves, works, settles, and reads what it came to."""
    does, may_not = script.does, script.may_not
    gap = {"artifact_id": "g", "artifact_type": "gap"}
    nothing = {"artifact_id": "nothing"}
    work = {**gap, "llm_tokens": 1000, "tier": "standard"}
    quoted = await does("alice", "budget_quote", **work)
    before = await does("alice", "budget_balance", **gap)
    held = await does("alice", "budget_reserve", **work, idempotency_key="r 1")
    assert held["amounts"] == quoted["amounts"] == {"llm_standard": 1000}
    after = await does("alice", "budget_balance", **gap)
    assert before != after
    for tool in ("budget_quote", "budget_reserve"):
        await may_not("alice", tool, "budget_exhausted", **gap, llm_tokens=10**9, tier="standard")
    reservation = {"reservation": held["reservation"]}
    await does("alice", "budget_extend", **reservation, seconds=600)
    await does("alice", "budget_reservation", **reservation)
    assert held["reservation"] in [row["reservation"] for row in (await does("alice", "budget_reservations"))["items"]]
    await does("alice", "budget_settle", **reservation, used=[{"unit": "llm_standard", "amount": 700, "event": "e1"}])
    other = await does("alice", "budget_reserve", **work)
    await does("alice", "budget_void", reservation=other["reservation"])
    for tool in ("budget_extend", "budget_settle", "budget_void", "budget_reservation"):
        await may_not("alice", tool, "unknown_reservation", reservation="r999")
    await may_not("alice", "budget_reservations", "unknown_entity", **nothing)
    await may_not("alice", "budget_balance", "unknown_entity", **nothing)
    assert (await does("alice", "budget_limits"))["limits"]
    await may_not("alice", "budget_limits", "arguments_invalid", scope="moon")
    await does("alice", "budget_claim", **gap)
    await may_not("alice", "budget_claim", "unknown_entity", **nothing)
    await does("alice", "budget_ranking", artifact_type="hypothesis")
    await may_not("alice", "budget_ranking", "arguments_invalid", limit=0)
    for tool, wrong in {
        "insight_pipeline": {"top": 0},
        "insight_pools": {"all": True},
        "insight_attention": {"all": True},
    }.items():
        await does("alice", tool)
        await may_not("alice", tool, "arguments_invalid", **wrong)
    await does("alice", "budget_why", **gap)
    await may_not("alice", "budget_why", "unknown_entity", **nothing)
    await does("alice", "usage_record", **gap, unit="api_calls", amount=3, provider="pubmed", event="e2")
    await may_not("alice", "usage_record", "unknown_entity", **nothing, unit="api_calls", amount=3)
    await does("alice", "usage_store", **gap, store="s3://sweeps", size=10**9)
    await may_not("alice", "usage_store", "unknown_entity", **nothing, store="s3://sweeps", size=1)
    assert len((await does("alice", "usage_find", **gap))["items"]) >= 2
    await does("alice", "usage_totals", by="actor")
    for tool in ("usage_find", "usage_totals", "roi_report"):
        await may_not("alice", tool, "unknown_entity", **nothing)
    await does("alice", "model_price", model="gpt-4o")
    await may_not("alice", "model_price", "arguments_invalid", model="gpt-4o", input_tokens=-1)
    await does("alice", "roi_report", **gap)
    await does("alice", "roi_ranking")
    await may_not("alice", "roi_ranking", "arguments_invalid", limit=1000)


async def earn(script: Script) -> None:
    """Bounties are offered, claimed and judged; outputs recorded, verified and retracted."""
    does, may_not = script.does, script.may_not
    gap = {"artifact_id": "g", "artifact_type": "gap"}
    listed = await does("alice", "bounty_find", **gap)
    await may_not("alice", "bounty_find", "unknown_entity", artifact_id="nothing")
    by_purpose = {row["purpose"]: row["bounty"] for row in listed["items"]}
    awarded, declined = by_purpose["to be awarded"], by_purpose["to be declined"]
    offered = await does("alice", "bounty_offer", **gap, amount=20, purpose="a protocol")
    await may_not("alice", "bounty_offer", "amount_not_positive", **gap, amount=0, purpose="a protocol")
    await does("alice", "bounty_add", bounty=offered["bounty"], amount=5)
    claimed = await does("rita", "bounty_claim", bounty=offered["bounty"])
    assert claimed["bounty"] == offered["bounty"]
    await does("alice", "bounty_show", bounty=offered["bounty"])
    await does("rita", "bounty_release", bounty=offered["bounty"])
    await does("alice", "bounty_refund", bounty=offered["bounty"])
    made = {"output_type": "analysis", "output_id": "by dan, to be awarded"}
    refused = {"output_type": "analysis", "output_id": "by dan, to be declined"}
    await does("alice", "bounty_submissions", bounty=awarded)
    await does("rita", "bounty_award", bounty=awarded, **made)
    await does("rita", "bounty_decline", bounty=declined, **refused, reason="no controls")
    mine = {"output_type": "analysis", "output_id": "a1"}
    await does("alice", "entity_register", entity_type="analysis", entity_id="a1", title="What alice made")
    await may_not("alice", "entity_register", "entity_exists", entity_type="analysis", entity_id="a1", title="Twice")
    await does("alice", "bounty_claim", bounty=declined)
    await does("alice", "bounty_submit", bounty=declined, **mine, note="ran three times")
    for tool, more in {
        "bounty_add": {"amount": 5},
        "bounty_claim": {},
        "bounty_show": {},
        "bounty_release": {},
        "bounty_refund": {},
        "bounty_submissions": {},
        "bounty_submit": {**mine, "note": "x"},
        "bounty_award": made,
        "bounty_decline": {**made, "reason": "x"},
    }.items():
        await may_not("rita", tool, "unknown_bounty", bounty="b999", **more)
    await does("alice", "output_record", **mine)
    await may_not("alice", "output_record", "unknown_entity", output_type="analysis", output_id="nothing")
    await does("rita", "output_verify", **mine, kind="evidence", quality=0.5, note="replicated")
    await may_not("alice", "output_verify", "role_needed", **mine, kind="evidence", note="I like it")
    assert (await does("alice", "output_earnings"))["actor"] == "alice"
    await may_not("alice", "output_earnings", "name_invalid", actor="")
    await does("alice", "output_show", **mine)
    await may_not("alice", "output_show", "unknown_output", output_type="analysis", output_id="nothing")
    await does("alice", "output_retract", **mine, reason="the samples had been swapped")
    await may_not("alice", "output_retract", "unknown_output", output_type="gap", output_id="other", reason="x")


async def learn(script: Script) -> None:
    """Alice submits edges, rita judges them."""
    does, may_not = script.does, script.may_not
    gap = {"artifact_id": "g", "artifact_type": "gap"}
    triples = [("APOE4", "raises", f"risk {number}") for number in range(3)]
    edges = [{"subject": s, "predicate": p, "object": o, "source": "PMID:8346443"} for s, p, o in triples]
    paper = {"kind": "paper", "reference": "doi:10.1126/science.8346443"}
    await does("alice", "knowledge_submit", **gap, edges=edges, gains=[paper])
    await may_not("alice", "knowledge_submit", "unknown_entity", artifact_id="nothing", edges=edges)
    about = await does("alice", "knowledge_about", subject="apoe4")
    assert len(about["items"]) == 3
    await may_not("alice", "knowledge_about", "arguments_invalid")
    ids = []
    for subject, predicate, text in triples:
        found_edge = await does("alice", "knowledge_lookup", subject=subject, predicate=predicate, object=text)
        ids.append(found_edge["edge"])
    await may_not("alice", "knowledge_lookup", "unknown_edge", subject="a", predicate="b", object="c")
    await does("alice", "knowledge_edge", edge=ids[0])
    await does("alice", "knowledge_of", **gap)
    await may_not("alice", "knowledge_of", "unknown_entity", artifact_id="nothing")
    await does("rita", "knowledge_sample", **gap, seed="s")
    await may_not("rita", "knowledge_sample", "unknown_entity", artifact_id="nothing", seed="s")
    await does("rita", "knowledge_audit", verdicts=[{"edge": ids[0], "right": True}], note="read it")
    await may_not("alice", "knowledge_audit", "role_needed", verdicts=[{"edge": ids[0], "right": True}], note="mine")
    await does("alice", "knowledge_precision")
    await may_not("alice", "knowledge_precision", "arguments_invalid", actor=7)
    await does("rita", "knowledge_retract", edge=ids[1], reason="withdrawn")
    await does("rita", "knowledge_reinstate", edge=ids[1], reason="a mistake")
    await does("rita", "knowledge_merge", edge=ids[2], same_as=ids[1], note="a synonym")
    await does("rita", "knowledge_split", edge=ids[2], note="it is not")
    for tool, more in {
        "knowledge_edge": {},
        "knowledge_retract": {"reason": "x"},
        "knowledge_reinstate": {"reason": "x"},
        "knowledge_merge": {"same_as": ids[0], "note": "x"},
        "knowledge_split": {"note": "x"},
    }.items():
        await may_not("rita", tool, "unknown_edge", edge="0" * 40, **more)
    await does("alice", "knowledge_retract_gain", **paper, reason="not by this work")
    await may_not("alice", "knowledge_retract_gain", "unknown_gain", kind="paper", reference="x", reason="x")


async def govern(script: Script) -> None:
    """Alice proposes, reviewers vote; artifacts are scored."""
    does, may_not = script.does, script.may_not
    gap = {"artifact_id": "g", "artifact_type": "gap"}
    asked = {"requested": {"llm_standard": 100}}
    await does("alice", "proposal_preview", **gap, **asked)
    await may_not("alice", "proposal_preview", "unknown_entity", artifact_id="nothing", **asked)
    terms = {
        **gap,
        **asked,
        "justification": "almost closed",
        "expected": [{"measure": "edges", "amount": "40", "within_s": 86_400}],
        "evidence": [{"sort": "paper", "reference": "PMID:31978945", "shows": "the same protein"}],
    }
    seats: list[str] = []
    while "rita" not in seats:
        # Who is drawn is chance; three of five have a seat.
        made = await does("alice", "proposal_create", **terms)
        shown = await does("alice", "proposal_show", proposal=made["proposal"])
        seats = shown["reviewers"]
    proposal = {"proposal": made["proposal"]}
    await may_not("alice", "proposal_create", "unknown_entity", **{**terms, "artifact_id": "nothing"})
    await does("rita", "proposal_vote", **proposal, choice="approve", reason="as the paper says")
    await does("alice", "proposal_comment", **proposal, text="see also PMID:31978945")
    await does("alice", "proposal_events", **proposal)
    draft = await does("alice", "proposal_create", **terms, draft=True)
    await does("alice", "proposal_open", proposal=draft["proposal"])
    await does("alice", "proposal_withdraw", proposal=draft["proposal"], reason="another group has done it")
    for tool, more in {
        "proposal_show": {},
        "proposal_events": {},
        "proposal_open": {},
        "proposal_vote": {"choice": "approve", "reason": "x"},
        "proposal_comment": {"text": "x"},
        "proposal_withdraw": {"reason": "x"},
    }.items():
        await may_not("alice", tool, "unknown_proposal", proposal="p999", **more)
    await does("alice", "policy_propose", changes={"proposal_quorum": 3}, justification="two have proved too few")
    await may_not("alice", "policy_propose", "policy_change_invalid", changes={"nothing": 3}, justification="x")
    assert len((await does("alice", "proposal_find"))["items"]) >= 3
    await may_not("alice", "proposal_find", "arguments_invalid", state="gone")
    await does("alice", "score_signal", **gap, kind="interest", value=0.9)
    await may_not("alice", "score_signal", "role_needed", **gap, kind="paper", value=0.9, source="PMID:31978945")
    await does("alice", "score_compute", **gap)
    await does("alice", "score_explain", **gap)
    for tool in ("score_compute", "score_explain"):
        await may_not("alice", tool, "unknown_entity", artifact_id="nothing")
    await does("alice", "score_ranking")
    await may_not("alice", "score_ranking", "arguments_invalid", limit=0)


async def pay(script: Script) -> None:
    """Value moves; the registry is read; many commands go in one call."""
    does, may_not = script.does, script.may_not
    wallet, other = "actor:alice/wallet/token", "actor:bob/wallet/token"
    assert wallet in [row["account"] for row in (await does("alice", "ledger_accounts"))["items"]]
    await may_not("alice", "ledger_accounts", "account_name_invalid", after="nonsense")
    await does("alice", "ledger_entries", account=wallet)
    await may_not("alice", "ledger_entries", "unknown_account", account="actor:nobody/wallet/token")
    leg = {"debit": wallet, "credit": other, "amount": 5}
    await does("alice", "ledger_transfer", legs=[leg], reason="for the review")
    beyond = {**leg, "amount": 10**6}
    await may_not("alice", "ledger_transfer", "insufficient_funds", legs=[beyond], reason="for the review")
    terms = {"seconds": 3600, "reason": "until the review is in"}
    first = await does("alice", "ledger_hold", **leg, **terms)
    second = await does("alice", "ledger_hold", **leg, **terms)
    await may_not("alice", "ledger_hold", "insufficient_funds", **beyond, **terms)
    await does("alice", "ledger_show_hold", hold=first["hold"])
    await does("alice", "ledger_post", hold=first["hold"], amount=2)
    await does("alice", "ledger_void", hold=second["hold"])
    for tool in ("ledger_show_hold", "ledger_post", "ledger_void"):
        await may_not("alice", tool, "unknown_hold", hold="h999")
    await does("alice", "entity_find", entity_type="gap")
    await may_not("alice", "entity_find", "cursor_invalid", after="nonsense")
    await does("alice", "actor_register", name="agent-7")
    await may_not("alice", "actor_register", "role_needed", name="agent-8", roles=["operator"])
    await does("alice", "actor_find")
    await may_not("alice", "actor_find", "arguments_invalid", limit=0)
    good = {"do": "transfer", "legs": [leg], "reason": "one of two"}
    bad = {"do": "cancel", "market": "m", "order": "o999"}
    answers = await does("alice", "batch", lines=[good, bad, {"do": ["sing"]}], idempotency_key="batch 1")
    assert [each["status"] for each in answers["lines"]] == ["done", "refused", "refused"]
    again = await does("alice", "batch", lines=[good, bad], idempotency_key="batch 1")
    assert [each["status"] for each in again["lines"]] == ["repeated", "refused"]
    await may_not("alice", "batch", "unknown_order", lines=[good, bad], all_or_nothing=True)


async def labour(script: Script) -> None:
    """Work is added, claimed with its budget, held, and finished, failed or given back."""
    does, may_not = script.does, script.may_not
    terms = {"artifact_id": "g", "artifact_type": "gap", "llm_tokens": 1000, "tier": "standard"}
    for kind in ("finish", "fail", "return", "withdraw"):
        added = await does("alice", "work_add", **terms, kind=kind, payload={"question": "why?"})
    await may_not("alice", "work_add", "unknown_entity", **{**terms, "artifact_id": "nothing"}, kind="x")
    assert len((await does("alice", "work_items", state="open"))["items"]) == 4
    await may_not("alice", "work_items", "arguments_invalid", state="gone")
    await does("alice", "work_withdraw", item=added["item"], reason="answered elsewhere")
    await does("alice", "work_item", item=added["item"])
    await may_not("alice", "work_item", "unknown_item", item="w999")
    await may_not("alice", "work_withdraw", "unknown_item", item="w999", reason="x")
    held = {}
    for kind in ("finish", "fail", "return"):
        claimed = await does("alice", "work_claim", kinds=[kind], seconds=600)
        assert (claimed["kind"], claimed["payload"], claimed["amounts"]) == (
            kind,
            {"question": "why?"},
            {"llm_standard": 1000},
        )
        held[kind] = claimed["claim"]
    await may_not("alice", "work_claim", "no_work", kinds=["finish"], wait_s=0.2)
    assert {row["claim"] for row in (await does("alice", "work_claims", state="held"))["items"]} == set(held.values())
    await may_not("alice", "work_claims", "name_invalid", actor="")
    await does("alice", "work_heartbeat", claim=held["finish"], seconds=900)
    used = [{"unit": "llm_standard", "amount": 300, "event": "work 1"}]
    edge = {"subject": "tau", "predicate": "spreads along", "object": "synapses", "source": "PMID:22365544"}
    finished = await does("alice", "work_finish", claim=held["finish"], used=used, edges=[edge])
    assert (finished["item_state"], finished["used"]) == ("finished", {"llm_standard": 300})
    await does("alice", "work_fail", claim=held["fail"], reason="the model was down")
    await does("alice", "work_return", claim=held["return"])
    await does("alice", "work_show_claim", claim=held["return"])
    for tool, more in {
        "work_heartbeat": {},
        "work_finish": {},
        "work_fail": {"reason": "x"},
        "work_return": {},
        "work_show_claim": {},
    }.items():
        await may_not("alice", tool, "unknown_work_claim", claim="c999", **more)


PARTS = (labour, trade, end, spend, earn, learn, govern, pay)
