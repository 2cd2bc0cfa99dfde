"""The methods of `Client`; made by `python -m tests.house.pages`."""

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
from scidex.client.sending import method


class Methods:
    """Every operation of the API by its name, with its arguments and its answer."""

    post_order = method(markets.post_order)
    post_quote = method(markets.post_quote)
    get_price = method(markets.get_price)
    get_history = method(markets.get_history)
    get_markets = method(markets.get_markets)
    get_market = method(markets.get_market)
    get_positions = method(markets.get_positions)
    post_open = method(markets.post_open)
    post_close = method(markets.post_close)
    post_resolve = method(markets.post_resolve)
    post_void = method(markets.post_void)
    get_signals = method(markets.get_signals)
    get_portfolio = method(markets.get_portfolio)
    get_leaderboard = method(markets.get_leaderboard)

    post_resolution = method(markets_2.post_resolution)
    post_dispute = method(markets_2.post_dispute)
    post_decision = method(markets_2.post_decision)
    post_advance = method(markets_2.post_advance)
    post_staged = method(markets_2.post_staged)
    post_stage = method(markets_2.post_stage)
    get_settlements = method(markets_2.get_settlements)
    get_settlement = method(markets_2.get_settlement)

    post_limit = method(orders.post_limit)
    post_cancel = method(orders.post_cancel)
    post_liquidity = method(orders.post_liquidity)
    post_plan = method(orders.post_plan)
    post_cancel_plan = method(orders.post_cancel_plan)
    get_plan = method(orders.get_plan)
    post_words = method(orders.post_words)
    get_orders = method(orders.get_orders)
    get_book = method(orders.get_book)
    get_candles = method(orders.get_candles)

    post_bounty = method(bounties.post_bounty)
    get_bounties = method(bounties.get_bounties)
    get_bounty = method(bounties.get_bounty)
    get_bounty_funders = method(bounties.get_bounty_funders)
    get_bounty_submissions = method(bounties.get_bounty_submissions)
    get_bounty_payments = method(bounties.get_bounty_payments)
    post_bounty_add = method(bounties.post_bounty_add)
    post_bounty_claim = method(bounties.post_bounty_claim)
    post_bounty_release = method(bounties.post_bounty_release)
    post_bounty_submit = method(bounties.post_bounty_submit)
    post_bounty_award = method(bounties.post_bounty_award)
    post_bounty_decline = method(bounties.post_bounty_decline)
    post_refund = method(bounties.post_refund)

    get_earnings = method(earnings.get_earnings)
    get_emission = method(earnings.get_emission)
    get_output = method(earnings.get_output)
    post_output = method(earnings.post_output)
    post_output_verified = method(earnings.post_output_verified)
    post_output_retracted = method(earnings.post_output_retracted)

    post_edges = method(knowledge.post_edges)
    get_edges = method(knowledge.get_edges)
    get_edge = method(knowledge.get_edge)
    get_edge_by_text = method(knowledge.get_edge_by_text)
    get_edges_about = method(knowledge.get_edges_about)
    get_knowledge = method(knowledge.get_knowledge)
    get_gains = method(knowledge.get_gains)
    get_work_gains = method(knowledge.get_work_gains)
    get_sample = method(knowledge.get_sample)
    get_precision = method(knowledge.get_precision)
    post_edge_retracted = method(knowledge.post_edge_retracted)
    post_edge_reinstated = method(knowledge.post_edge_reinstated)
    post_edges_merged = method(knowledge.post_edges_merged)
    post_edge_split = method(knowledge.post_edge_split)

    post_edges_judged = method(knowledge_2.post_edges_judged)
    post_gain_retracted = method(knowledge_2.post_gain_retracted)
    get_roi = method(knowledge_2.get_roi)
    get_roi_ranking = method(knowledge_2.get_roi_ranking)
    get_roi_of = method(knowledge_2.get_roi_of)

    get_resource_budgets = method(budgets.get_resource_budgets)
    get_resource_budget = method(budgets.get_resource_budget)
    post_allocate = method(budgets.post_allocate)
    get_allocations = method(budgets.get_allocations)
    get_cycles = method(budgets.get_cycles)
    post_spending = method(budgets.post_spending)
    get_budgets = method(budgets.get_budgets)
    get_budget = method(budgets.get_budget)
    put_budget = method(budgets.put_budget)
    get_limits = method(budgets.get_limits)
    put_limit = method(budgets.put_limit)
    post_override = method(budgets.post_override)
    get_events = method(budgets.get_events)

    post_reservation = method(budgets_2.post_reservation)
    get_reservations = method(budgets_2.get_reservations)
    get_reservation = method(budgets_2.get_reservation)
    post_settle = method(budgets_2.post_settle)
    post_release = method(budgets_2.post_release)
    post_extend = method(budgets_2.post_extend)

    post_work_item = method(work.post_work_item)
    get_work_items = method(work.get_work_items)
    get_work_item = method(work.get_work_item)
    post_work_withdraw = method(work.post_work_withdraw)
    post_work_revive = method(work.post_work_revive)
    post_work_claim = method(work.post_work_claim)
    get_work_claims = method(work.get_work_claims)
    get_work_claim = method(work.get_work_claim)
    post_work_heartbeat = method(work.post_work_heartbeat)
    post_work_finish = method(work.post_work_finish)

    post_work_fail = method(work_2.post_work_fail)
    post_work_return = method(work_2.post_work_return)

    post_proposal = method(senate.post_proposal)
    get_proposals = method(senate.get_proposals)
    get_proposal = method(senate.get_proposal)
    get_proposal_events = method(senate.get_proposal_events)
    get_proposal_preview = method(senate.get_proposal_preview)
    get_preview = method(senate.get_preview)
    post_proposal_open = method(senate.post_proposal_open)
    post_vote = method(senate.post_vote)
    post_comment = method(senate.post_comment)
    post_withdrawal = method(senate.post_withdrawal)

    post_policy_proposal = method(senate_2.post_policy_proposal)
    get_policy_in_force = method(senate_2.get_policy_in_force)
    get_policy_history = method(senate_2.get_policy_history)
    get_policy_diff = method(senate_2.get_policy_diff)
    get_reviews = method(senate_2.get_reviews)
    post_review = method(senate_2.post_review)
    get_review_preview = method(senate_2.get_review_preview)
    get_review = method(senate_2.get_review)
    get_review_decisions = method(senate_2.get_review_decisions)
    get_why = method(senate_2.get_why)
    get_decisions_on = method(senate_2.get_decisions_on)
    post_signal = method(senate_2.post_signal)
    post_compute = method(senate_2.post_compute)

    get_scores = method(senate_3.get_scores)
    get_score = method(senate_3.get_score)

    post_usage = method(usage.post_usage)
    get_usage = method(usage.get_usage)
    get_usage_hours = method(usage.get_usage_hours)
    get_usage_totals = method(usage.get_usage_totals)
    post_stored = method(usage.post_stored)
    get_model = method(usage.get_model)

    get_pipeline = method(insight.get_pipeline)
    get_artifacts = method(insight.get_artifacts)
    get_pools = method(insight.get_pools)
    get_attention = method(insight.get_attention)

    get_accounts = method(ledger.get_accounts)
    get_entries = method(ledger.get_entries)
    get_balance = method(ledger.get_balance)
    get_account = method(ledger.get_account)
    post_transfer = method(ledger.post_transfer)
    post_issue = method(ledger.post_issue)
    post_retire = method(ledger.post_retire)
    post_hold = method(ledger.post_hold)
    get_hold = method(ledger.get_hold)
    post_hold_post = method(ledger.post_hold_post)
    post_hold_void = method(ledger.post_hold_void)
    get_sums = method(ledger.get_sums)

    get_blocks = method(proofs.get_blocks)
    get_block = method(proofs.get_block)
    get_block_events = method(proofs.get_block_events)
    get_event_proof = method(proofs.get_event_proof)
    get_liability_proof = method(proofs.get_liability_proof)

    get_past_events = method(events.get_past_events)
    post_webhook = method(events.post_webhook)
    get_webhooks = method(events.get_webhooks)
    get_one_webhook = method(events.get_one_webhook)
    delete_webhook = method(events.delete_webhook)
    get_webhook_deliveries = method(events.get_webhook_deliveries)
    post_webhook_enable = method(events.post_webhook_enable)
    post_webhook_replay = method(events.post_webhook_replay)

    get_actors = method(registry.get_actors)
    post_actor = method(registry.post_actor)
    get_entities = method(registry.get_entities)
    post_entity = method(registry.post_entity)

    get_keys = method(keys.get_keys)
    post_key = method(keys.post_key)
    post_key_rotated = method(keys.post_key_rotated)
    post_key_revoked = method(keys.post_key_revoked)

    get_health = method(system.get_health)
    get_version = method(system.get_version)
    get_policy = method(system.get_policy)
