"""The methods of `AsyncClient`; made by `python -m tests.house.pages`."""

from __future__ import annotations

from scidex.client.operations import (
    bounties,
    budgets,
    budgets_2,
    earnings,
    events,
    insight,
    keys,
    knowledge,
    knowledge_2,
    ledger,
    markets,
    markets_2,
    orders,
    proofs,
    registry,
    senate,
    senate_2,
    senate_3,
    system,
    usage,
    work,
    work_2,
)
from scidex.client.sending import async_method


class AsyncMethods:
    """Every operation of the API by its name, with its arguments and its answer."""

    post_order = async_method(markets.post_order)
    post_quote = async_method(markets.post_quote)
    get_price = async_method(markets.get_price)
    get_history = async_method(markets.get_history)
    get_markets = async_method(markets.get_markets)
    get_market = async_method(markets.get_market)
    get_positions = async_method(markets.get_positions)
    post_open = async_method(markets.post_open)
    post_close = async_method(markets.post_close)
    post_resolve = async_method(markets.post_resolve)
    post_void = async_method(markets.post_void)
    get_signals = async_method(markets.get_signals)
    get_portfolio = async_method(markets.get_portfolio)
    get_leaderboard = async_method(markets.get_leaderboard)

    post_resolution = async_method(markets_2.post_resolution)
    post_dispute = async_method(markets_2.post_dispute)
    post_decision = async_method(markets_2.post_decision)
    post_advance = async_method(markets_2.post_advance)
    post_staged = async_method(markets_2.post_staged)
    post_stage = async_method(markets_2.post_stage)
    get_settlements = async_method(markets_2.get_settlements)
    get_settlement = async_method(markets_2.get_settlement)

    post_limit = async_method(orders.post_limit)
    post_cancel = async_method(orders.post_cancel)
    post_liquidity = async_method(orders.post_liquidity)
    post_plan = async_method(orders.post_plan)
    post_cancel_plan = async_method(orders.post_cancel_plan)
    get_plan = async_method(orders.get_plan)
    post_words = async_method(orders.post_words)
    get_orders = async_method(orders.get_orders)
    get_book = async_method(orders.get_book)
    get_candles = async_method(orders.get_candles)

    post_bounty = async_method(bounties.post_bounty)
    get_bounties = async_method(bounties.get_bounties)
    get_bounty = async_method(bounties.get_bounty)
    get_bounty_funders = async_method(bounties.get_bounty_funders)
    get_bounty_submissions = async_method(bounties.get_bounty_submissions)
    get_bounty_payments = async_method(bounties.get_bounty_payments)
    post_bounty_add = async_method(bounties.post_bounty_add)
    post_bounty_claim = async_method(bounties.post_bounty_claim)
    post_bounty_release = async_method(bounties.post_bounty_release)
    post_bounty_submit = async_method(bounties.post_bounty_submit)
    post_bounty_award = async_method(bounties.post_bounty_award)
    post_bounty_decline = async_method(bounties.post_bounty_decline)
    post_refund = async_method(bounties.post_refund)

    get_earnings = async_method(earnings.get_earnings)
    get_emission = async_method(earnings.get_emission)
    get_output = async_method(earnings.get_output)
    post_output = async_method(earnings.post_output)
    post_output_verified = async_method(earnings.post_output_verified)
    post_output_retracted = async_method(earnings.post_output_retracted)

    post_edges = async_method(knowledge.post_edges)
    get_edges = async_method(knowledge.get_edges)
    get_edge = async_method(knowledge.get_edge)
    get_edge_by_text = async_method(knowledge.get_edge_by_text)
    get_edges_about = async_method(knowledge.get_edges_about)
    get_knowledge = async_method(knowledge.get_knowledge)
    get_gains = async_method(knowledge.get_gains)
    get_work_gains = async_method(knowledge.get_work_gains)
    get_sample = async_method(knowledge.get_sample)
    get_precision = async_method(knowledge.get_precision)
    post_edge_retracted = async_method(knowledge.post_edge_retracted)
    post_edge_reinstated = async_method(knowledge.post_edge_reinstated)
    post_edges_merged = async_method(knowledge.post_edges_merged)
    post_edge_split = async_method(knowledge.post_edge_split)

    post_edges_judged = async_method(knowledge_2.post_edges_judged)
    post_gain_retracted = async_method(knowledge_2.post_gain_retracted)
    get_roi = async_method(knowledge_2.get_roi)
    get_roi_ranking = async_method(knowledge_2.get_roi_ranking)
    get_roi_of = async_method(knowledge_2.get_roi_of)

    get_resource_budgets = async_method(budgets.get_resource_budgets)
    get_resource_budget = async_method(budgets.get_resource_budget)
    post_allocate = async_method(budgets.post_allocate)
    get_allocations = async_method(budgets.get_allocations)
    get_cycles = async_method(budgets.get_cycles)
    post_spending = async_method(budgets.post_spending)
    get_budgets = async_method(budgets.get_budgets)
    get_budget = async_method(budgets.get_budget)
    put_budget = async_method(budgets.put_budget)
    get_limits = async_method(budgets.get_limits)
    put_limit = async_method(budgets.put_limit)
    post_override = async_method(budgets.post_override)
    get_events = async_method(budgets.get_events)

    post_reservation = async_method(budgets_2.post_reservation)
    get_reservations = async_method(budgets_2.get_reservations)
    get_reservation = async_method(budgets_2.get_reservation)
    post_settle = async_method(budgets_2.post_settle)
    post_release = async_method(budgets_2.post_release)
    post_extend = async_method(budgets_2.post_extend)

    post_work_item = async_method(work.post_work_item)
    get_work_items = async_method(work.get_work_items)
    get_work_item = async_method(work.get_work_item)
    post_work_withdraw = async_method(work.post_work_withdraw)
    post_work_revive = async_method(work.post_work_revive)
    post_work_claim = async_method(work.post_work_claim)
    get_work_claims = async_method(work.get_work_claims)
    get_work_claim = async_method(work.get_work_claim)
    post_work_heartbeat = async_method(work.post_work_heartbeat)
    post_work_finish = async_method(work.post_work_finish)

    post_work_fail = async_method(work_2.post_work_fail)
    post_work_return = async_method(work_2.post_work_return)

    post_proposal = async_method(senate.post_proposal)
    get_proposals = async_method(senate.get_proposals)
    get_proposal = async_method(senate.get_proposal)
    get_proposal_events = async_method(senate.get_proposal_events)
    get_proposal_preview = async_method(senate.get_proposal_preview)
    get_preview = async_method(senate.get_preview)
    post_proposal_open = async_method(senate.post_proposal_open)
    post_vote = async_method(senate.post_vote)
    post_comment = async_method(senate.post_comment)
    post_withdrawal = async_method(senate.post_withdrawal)

    post_policy_proposal = async_method(senate_2.post_policy_proposal)
    get_policy_in_force = async_method(senate_2.get_policy_in_force)
    get_policy_history = async_method(senate_2.get_policy_history)
    get_policy_diff = async_method(senate_2.get_policy_diff)
    get_reviews = async_method(senate_2.get_reviews)
    post_review = async_method(senate_2.post_review)
    get_review_preview = async_method(senate_2.get_review_preview)
    get_review = async_method(senate_2.get_review)
    get_review_decisions = async_method(senate_2.get_review_decisions)
    get_why = async_method(senate_2.get_why)
    get_decisions_on = async_method(senate_2.get_decisions_on)
    post_signal = async_method(senate_2.post_signal)
    post_compute = async_method(senate_2.post_compute)

    get_scores = async_method(senate_3.get_scores)
    get_score = async_method(senate_3.get_score)

    post_usage = async_method(usage.post_usage)
    get_usage = async_method(usage.get_usage)
    get_usage_hours = async_method(usage.get_usage_hours)
    get_usage_totals = async_method(usage.get_usage_totals)
    post_stored = async_method(usage.post_stored)
    get_model = async_method(usage.get_model)

    get_pipeline = async_method(insight.get_pipeline)
    get_artifacts = async_method(insight.get_artifacts)
    get_pools = async_method(insight.get_pools)
    get_attention = async_method(insight.get_attention)

    get_accounts = async_method(ledger.get_accounts)
    get_entries = async_method(ledger.get_entries)
    get_balance = async_method(ledger.get_balance)
    get_account = async_method(ledger.get_account)
    post_transfer = async_method(ledger.post_transfer)
    post_issue = async_method(ledger.post_issue)
    post_retire = async_method(ledger.post_retire)
    post_hold = async_method(ledger.post_hold)
    get_hold = async_method(ledger.get_hold)
    post_hold_post = async_method(ledger.post_hold_post)
    post_hold_void = async_method(ledger.post_hold_void)
    get_sums = async_method(ledger.get_sums)

    get_blocks = async_method(proofs.get_blocks)
    get_block = async_method(proofs.get_block)
    get_block_events = async_method(proofs.get_block_events)
    get_event_proof = async_method(proofs.get_event_proof)
    get_liability_proof = async_method(proofs.get_liability_proof)

    get_past_events = async_method(events.get_past_events)
    post_webhook = async_method(events.post_webhook)
    get_webhooks = async_method(events.get_webhooks)
    get_one_webhook = async_method(events.get_one_webhook)
    delete_webhook = async_method(events.delete_webhook)
    get_webhook_deliveries = async_method(events.get_webhook_deliveries)
    post_webhook_enable = async_method(events.post_webhook_enable)
    post_webhook_replay = async_method(events.post_webhook_replay)

    get_actors = async_method(registry.get_actors)
    post_actor = async_method(registry.post_actor)
    get_entities = async_method(registry.get_entities)
    post_entity = async_method(registry.post_entity)

    get_keys = async_method(keys.get_keys)
    post_key = async_method(keys.post_key)
    post_key_rotated = async_method(keys.post_key_rotated)
    post_key_revoked = async_method(keys.post_key_revoked)

    get_health = async_method(system.get_health)
    get_version = async_method(system.get_version)
    get_policy = async_method(system.get_policy)
