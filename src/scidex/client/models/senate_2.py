"""What the server answers: senate_2; made by `python -m tests.house.pages`."""

from __future__ import annotations

from typing import Literal

from scidex.client.answers import Answer


class Policy(Answer):
    """The constants of the economy. Fractions are decimals, so that no rule starts from a rounded double."""

    # tokens of budget per token of capital at risk
    demand_weight: str = "0.1"
    # share of a budget that a settled question keeps
    certainty_factor: str = "0.5"
    # share added at a price of one half, none at 0 or 1
    uncertainty_factor: str = "0.5"
    # share of a pool kept as equal floors for all who claim
    exploration_share: str = "0.05"
    # what one token of claim is worth in each unit that a pool may hold
    units_per_token: dict[str, str] = {
        "token": "1",
        "llm_reasoning": "20",
        "llm_standard": "100",
        "llm_batch": "200",
        "cpu_seconds": "10",
        "storage_gb_hours": "1",
        "api_calls": "1",
    }
    # seconds over which decisions take the mean of prices and holdings
    signal_window_s: int = 86400
    # the most that a price for decisions moves in an hour
    signal_price_step: str = "0.1"
    # seconds of trading before which a market's price is unknown to decisions
    signal_history_s: int = 3600
    # what holding a price must cost per token that it wins, else decisions do without it; 0 trusts all
    signal_attack_cover: str = "1"
    # most outcomes of one market
    market_outcomes_max: int = 64
    # smallest liquidity b of a market, in tokens
    market_liquidity_min: str = "0.01"
    # smallest start price of an outcome
    market_start_price_min: str = "0.001"
    # fee of a trade as a share of p * (1 - p) per share, p its own price; the maker's funder gets it
    market_fee: str = "0"
    # most that one order may move the log odds of an outcome; 0 limits nothing
    market_log_odds_max: str = "0"
    # most resting orders of one market
    market_orders_max: int = 1000
    # share of a pool's free tokens that, divided by the open markets that it funds and the new one, is the liquidity
    # b of a market that it opens without saying one
    liquidity_pool_share: str = "0.1"
    # least b of such a market, in tokens
    liquidity_pool_min: str = "1"
    # most b of such a market, in tokens; the least comes first
    liquidity_pool_max: str = "1000"
    # most changes of liquidity that one market has ahead of it
    liquidity_changes_max: int = 100
    # most that a price may have moved lately when its market's liquidity rises; 1 lets it rise always
    liquidity_price_gap: str = "0.02"
    # how many seconds of a price lately means
    liquidity_window_s: int = 3600
    # seconds before the close whose mean price a void market pays
    void_window_s: int = 86400
    # whether resolvers may end a market without bond and time for disputes; operators may in any case
    resolve_directly: bool = False
    # smallest bond of a proposal or a dispute, in tokens
    settlement_bond_min: str = "10"
    # share of a market's largest payout that a bond is at least
    settlement_bond_share: str = "0.01"
    # share of a lost bond that goes to the side that was right; the treasury pool has the rest
    settlement_winner_share: str = "0.5"
    # seconds in which a proposed resolution may be disputed
    settlement_dispute_s: int = 259200
    # seconds in which a dispute has to be decided before it lapses
    settlement_decide_s: int = 604800
    # seconds after the end of trading in which a resolution may be proposed; then the market is void
    settlement_deadline_s: int = 2592000
    # whether a proposal ends the trading of a market that is open
    settlement_closes_early: bool = False
    # share of each payout held back while an appeal is possible
    settlement_withheld: str = "0.1"
    # seconds after a settlement in which another may be proposed
    settlement_appeal_s: int = 7776000
    # how often a market may be settled, the first time included
    settlement_versions_max: int = 3
    # most pieces of evidence of a proposal, a dispute or a stage
    settlement_evidence_max: int = 10
    # share of a portfolio in one artifact, or one domain, above which it is warned of
    portfolio_concentration_max: str = "0.25"
    # resolved markets that an actor has traded in before it is ranked by skill
    leaderboard_markets_min: int = 5
    # longest life of a bounty, in seconds
    bounty_longest_s: int = 31536000
    # share of what the compute spent on an artifact is worth that is taken out of its open bounties
    bounty_draw_share: str = "1"
    # longest lease of a bounty without renewal, in seconds
    bounty_lease_longest_s: int = 604800
    # longest claim of a bounty with all its renewals, in seconds
    bounty_claim_longest_s: int = 2592000
    # seconds until who let a claim lapse may claim the same bounty again
    bounty_reclaim_after_s: int = 86400
    # seconds beyond its life that a bounty waits for the judgement of work that was submitted in time
    bounty_review_s: int = 604800
    # most open bounties on one artifact; more is added to one of them
    bounties_open_max: int = 100
    # most funders of one bounty
    bounty_funders_max: int = 100
    # most submissions to one bounty
    bounty_submissions_max: int = 100
    # tokens minted for a verified output, by its kind; a kind that is not here is not rewarded
    reward_base: dict[str, str] = {
        "debate": "5",
        "hypothesis": "10",
        "evidence": "3",
        "extraction": "2",
        "edge": "1",
        "gap": "5",
        "prediction": "3",
        "gate": "2",
    }
    # how many times the base an output of the highest quality earns, by its kind; without, the base
    reward_multiplier: dict[str, str] = {
        "debate": "2",
        "hypothesis": "3",
        "evidence": "2",
        "extraction": "2",
        "edge": "2",
        "gap": "3",
        "prediction": "4",
        "gate": "1",
    }
    # the most tokens that an output earns whatever its quality, by its kind; without, no cap
    reward_cap: dict[str, str] = {
        "debate": "10",
        "hypothesis": "25",
        "evidence": "6",
        "extraction": "4",
        "edge": "2",
        "gap": "15",
        "prediction": "10",
        "gate": "2",
    }
    # seconds of a period of emission, counted from 1970
    emission_period_s: int = 604800
    # most tokens minted for production in a period
    emission_tokens: str = "10000"
    # most that a period mints as a share of the tokens there were when it began
    emission_growth: str = "0.02"
    # tokens that a period may mint however few there are, so that an economy can begin
    emission_least: str = "100"
    # most that one output may take of a period, as a share of it
    emission_output_share: str = "0.1"
    # share of a reward for what the output builds on; its square for what that builds on, and so forth
    royalty_share: str = "0.15"
    # how many steps back royalties go
    royalty_depth: int = 3
    # most outputs that one pays royalties to, the nearest first
    royalty_payees_max: int = 100
    # most outputs that one may be said to build on
    builds_on_max: int = 20
    # longest life of a hold, in seconds
    hold_longest_s: int = 2592000
    # which models are in which tier, as patterns; one of batch that fits decides, else the longest
    model_tiers: dict[str, list[str]] = {
        "reasoning": [
            "o1*",
            "o3*",
            "o4*",
            "gpt-5*",
            "*codex*",
            "claude-opus*",
            "*thinking*",
            "*reasoner*",
            "*-r1*",
            "gemini-*-pro*",
            "grok-4*",
            "magistral*",
        ],
        "standard": [
            "gpt-4*",
            "gpt-3.5*",
            "gpt-5*-mini*",
            "gpt-5*-nano*",
            "gpt-5-chat*",
            "claude-sonnet*",
            "claude-haiku*",
            "claude-3*",
            "gemini-*-flash*",
            "gemini-1*",
            "deepseek-chat*",
            "deepseek-v*",
            "mistral*",
            "llama*",
            "meta-llama*",
            "qwen*",
            "command*",
            "grok-3*",
        ],
        "batch": ["*:batch", "*-batch"],
    }
    # tier of a model that no pattern fits; none refuses it
    unknown_model_tier: Literal["reasoning", "standard", "batch"] | None = "standard"
    # US dollars per million tokens (input, output, cached, cache_write) of models whose price the price book does not
    # have or has wrong
    model_prices: dict[str, dict[str, str]] = {}
    # what to do with a call whose price nobody knows and whose caller states no bound
    unknown_price: Literal["refuse", "uncounted"] = "refuse"
    # the most that a million LLM tokens of a tier may cost, in US dollars, where nobody names the model or knows its
    # price, unless unknown prices are uncounted; a tier that is not here costs what the dearest does
    tier_usd_per_million: dict[str, str] = {"reasoning": "60", "standard": "15", "batch": "7.5"}
    # most calls per second to a provider, by its name in small letters
    provider_calls_per_s: dict[str, int] = {"pubmed": 3, "semantic_scholar": 1, "openalex": 10, "crossref": 10}
    # the same for every other provider
    other_calls_per_s: int = 5
    # US dollars that the fleet may spend from midnight to midnight UTC
    daily_usd: str = "50"
    # share of a daily cap at which a warning is recorded
    daily_usd_warn: str = "0.8"
    # longest life of a reservation without a heartbeat, in seconds
    reservation_longest_s: int = 86400
    # longest life of a reservation with all its heartbeats, in seconds
    reservation_total_s: int = 604800
    # LLM tokens reserved for a call without a bound while no call of its model is known, by tier
    first_call_tokens: dict[str, int] = {"reasoning": 32768, "standard": 8192, "batch": 8192}
    # latest calls of a model that estimates look at
    estimate_calls: int = 1000
    # actors whose calls of a model must be known for others' estimates to follow them
    estimate_actors: int = 3
    # share of those calls for which the estimate is enough
    estimate_quantile: str = "0.95"
    # seconds that the clock of who reports usage may be ahead of ours
    usage_future_s: int = 300
    # days after which usage is too old to be reported
    usage_oldest_days: int = 366
    # seconds without reservation or usage after which a grant is idle
    idle_after_s: int = 604800
    # seconds between the notice to an idle grant and its return to the pool
    idle_notice_s: int = 259200
    # hours that a storage budget of one GB pays for
    storage_budget_hours: int = 720
    # pools that are reviewed by themselves, daily and weekly
    review_pools: list[str] = ["research"]
    # base budget in tokens of an artifact whose allocation score is 1; of others in proportion
    review_base_tokens: str = "1000"
    # allocation score from which on an artifact has a base budget; an unknown score is below it
    review_score_threshold: str = "0.3"
    # share of a reviewed pool for what committed capital claims
    review_market_share: str = "0.3"
    # share of a reviewed pool for artifacts drawn by lot; merit has what the two sleeves leave
    review_exploration_share: str = "0.1"
    # what an artifact that is drawn gets, as a claim in tokens
    review_exploration_tokens: str = "200"
    # share of a reviewed pool that keeps all of merit going, equal in their dominant resource
    review_floor_share: str = "0.05"
    # most that one review changes a budget by, as a share of the larger of what it is and would be
    review_step_share: str = "0.25"
    # a change worth so many tokens is always within the step
    review_step_tokens: str = "100"
    # seconds for which a budget that a review has raised is not cut, nor one that it has cut raised
    review_dwell_s: int = 1209600
    # a return below this share of its type's median is low
    review_low_share: str = "0.5"
    # how probable a low return must be, given what is known, for a budget to be capped
    review_low_probability: str = "0.8"
    # weekly reviews in a row with a low return after which a budget is cut
    review_low_reviews: int = 2
    # share of its claims that an artifact cut for low returns loses
    review_cut_share: str = "0.5"
    # a return above so many times its type's median is strong
    review_strong_share: str = "2"
    # rise of the market weight since the last weekly review that is strong
    review_market_gain: str = "0.2"
    # how much more an artifact counts in scarcity for a strong return, and again for a market's gain
    review_strong_boost: str = "0.25"
    # share of an idle budget given back since the last weekly review that adds to the next claim
    review_credit_share: str = "0.5"
    # seconds for which reviews leave an artifact what a proposal has granted it and it has not spent
    review_voted_s: int = 2419200
    # share of a budget spent since the last review, for a low return, from which a daily review cuts
    review_burn_share: str = "0.5"
    # reviewers drawn to vote on a proposal; fewer where fewer have no conflict
    proposal_reviewers: int = 3
    # votes without which a proposal is not decided
    proposal_quorum: int = 2
    # share of the votes that must approve; it rises to 1 with the share of the pool that is asked for
    proposal_threshold: str = "0.5"
    # whether all reviewers without a conflict vote, and not only those who were drawn
    proposal_all_vote: bool = False
    # seconds in which a proposal is voted on
    proposal_vote_s: int = 259200
    # what a proposal is whose time is over without a quorum
    proposal_default: Literal["expired", "rejected"] = "expired"
    # seconds that an approved grant waits for its pool to have it
    proposal_defer_s: int = 1209600
    # the pool that a proposal asks where it names none
    proposal_pool: str = "proposals"
    # most pieces of evidence of a proposal
    proposal_evidence_max: int = 10
    # how far a claimed change of a market's price may be from the recorded one
    proposal_price_tolerance: str = "0.01"
    # most proposals of one owner that are voted on at the same time
    proposals_open_max: int = 20
    # reviewers drawn to vote on a change of the policy
    policy_reviewers: int = 5
    # votes without which a change of the policy is not decided
    policy_quorum: int = 3
    # share of the votes that must approve a change of the policy
    policy_threshold: str = "0.66"
    # seconds from the approval of a change of the policy to its force
    policy_notice_s: int = 86400
    # share of an edge that who submitted it first keeps once others confirm it; they share the rest
    knowledge_first_share: str = "0.7"
    # most owners who share in an edge besides the first; later ones get nothing
    knowledge_confirmers_max: int = 10
    # most edges and gains that are submitted or judged at once
    knowledge_lines_max: int = 1000
    # most edges that are merged as saying the same
    knowledge_merged_max: int = 50
    # judged edges that the precision of an entity's type weighs beside the entity's own
    knowledge_audit_weight: str = "10"
    # probability with which the true return, or precision, lies within its interval
    roi_interval: str = "0.9"
    # weight of evidence_strength in the allocation score
    score_evidence_weight: str = "0.35"
    # weight of novelty in the allocation score
    score_novelty_weight: str = "0.25"
    # weight of strategic_alignment in the allocation score
    score_alignment_weight: str = "0.20"
    # weight of community_interest in the allocation score
    score_interest_weight: str = "0.20"
    # seconds after which a signal counts half; 180 days
    score_half_life_s: int = 15552000
    # what one signal of each kind of evidence weighs
    score_signal_weights: dict[str, str] = {"paper": "1", "debate": "0.5", "replication": "3", "kg_link": "0.2"}
    # weight of evidence at which its strength is half of its most
    score_evidence_half: str = "3"
    # voices at which community_interest is half of its most
    score_interest_half: str = "5"
    # LLM tokens spent on an artifact that halve its novelty
    score_novelty_tokens: int = 1000000
    # edges gained by work on an artifact that halve its novelty
    score_novelty_edges: int = 100
    # share of what others of its field have on the mean that counts as an artifact's own, in novelty
    score_novelty_near: str = "0.5"
    # named goals, and their weights, that reviewers rate the alignment of artifacts with
    roadmap_goals: dict[str, str] = {"mission": "1"}
    # seconds after which a score is computed anew
    score_refresh_s: int = 86400
    # weight of what an entity's work has been worth (UCB) in a score
    work_learning_weight: str = "0.7"
    # weight of the rank of an entity's granted budget in a score
    work_budget_weight: str = "0.3"
    # c of the bound mean + c * sqrt(ln(1 + N) / (1 + n)): how much the unknown is worth
    work_curiosity: str = "0.3"
    # score that an open item gains for each day that it waits
    work_ageing_per_day: str = "1"
    # share of claims that draw the entity uniformly at random
    work_random_share: str = "0.1"
    # edges of new knowledge for which a result is rewarded with 1/2
    work_reward_half: str = "5"
    # edges that a gain of each kind is worth in a reward; of quality, a rise by 1
    work_gain_worth: dict[str, str] = {"paper": "1", "hypothesis": "3", "quality": "5"}
    # most attempts that an item may ask for before it is a dead letter
    work_attempts_max: int = 100
    # seconds before a failed item may be tried again; doubled each time
    work_retry_s: int = 60
    # longest such pause in seconds
    work_retry_longest_s: int = 3600
    # most characters of an item's payload
    work_payload_max: int = 16000
    # most items that an item may wait for
    work_after_max: int = 50
    # seconds that a key lives where nobody says how long
    key_life_s: int = 7776000
    # longest life of a key, in seconds
    key_life_longest_s: int = 31536000
    # longest validity of the secret before, once a key is rotated, in seconds
    key_overlap_longest_s: int = 604800
    # requests per minute of a key, per process, and the most that anybody but an operator may give one
    key_requests_per_minute: int = 6000
