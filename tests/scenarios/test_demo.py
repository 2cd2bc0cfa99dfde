"""The small living world of `make run`."""

from __future__ import annotations

from scidex.scenarios import run_demo
from scidex.views import allocation_receipt


def test_the_demo_shares_a_scarce_pool_whole_and_passes_its_audit(economy, clock):
    told = []
    report = run_demo(economy, pass_by=clock.pass_by, progress=told.append)
    shared = allocation_receipt(report.allocation)
    assert report.audit.ok
    assert len(told) == 4
    assert report.trades > 50
    assert shared.granted == shared.amount == sum(grant.grant for grant in shared.grants)
    assert {grant.binding for grant in shared.grants} == {"none", "floor", "cap"}
    assert all(0 < grant.grant <= grant.cap and grant.why for grant in shared.grants)
    assert [budget.budget for budget in report.ranking] == sorted(
        (budget.budget for budget in report.ranking), reverse=True
    )
    assert set(report.audit.ledger_sums.values()) == {0}
