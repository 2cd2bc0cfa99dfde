"""The report says what was measured: made-up measurements, no timing."""

from __future__ import annotations

import json

from bench.report import Machine, Report, Round, Row, Target, at_least, at_most

YARDSTICK = Row("TPC-B", "/s", (Round(3000), Round(3000), Round(3300)))
FAST = Row(
    "transfers", "/s", (Round(30_000, 3000), Round(20_000, 1000), Round(45_123.4, 3000)), "TPC-B", at_least(12), "a|b"
)
SLOW = Row("bids", "/s", (Round(9000, 3000),), "TPC-B", at_least(5))
LATE = Row("one bid, p50", "ms", (Round(1.25), Round(1.5), Round(9.0)), None, Target("figure", "at most", 1.5))
HEAD = (
    "| what | figure | unit | yardstick | its figure | ratio | target | met | spread | note |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def test_a_row_is_the_median_of_its_rounds_and_of_their_ratios() -> None:
    assert FAST.figure == 30_000
    assert FAST.yardstick_figure == 3000
    assert FAST.ratio == 45_123.4 / 3000
    assert FAST.spread == (45_123.4 - 20_000) / 30_000
    assert YARDSTICK.ratio is None


def test_a_target_holds_for_the_figure_or_for_the_ratio() -> None:
    assert [FAST.met, SLOW.met, LATE.met, YARDSTICK.met] == [True, False, True, None]
    assert Row("flat", "µs", (Round(12, 10),), "small", at_most(1.3)).met is True
    assert Row("flat", "µs", (Round(14, 10),), "small", at_most(1.3)).met is False
    assert Row("no yardstick", "/s", (Round(14),), "small", at_most(1.3)).met is None


def test_the_report_is_a_table_and_json() -> None:
    report = Report(Machine({"processor": "abacus, 2 beads"}), (YARDSTICK, FAST, SLOW, LATE), {"web": "Busy: no"})
    assert report.to_markdown() == (
        "# Bench\n\n"
        "| machine |  |\n| --- | --- |\n| processor | abacus, 2 beads |\n\n"
        f"## Held to targets\n\n{HEAD}"
        "| transfers | 30,000 | /s | TPC-B | 3,000 | 15× | ≥ 12× | yes | ±42% | a\\|b |\n"
        "| bids | 9,000 | /s | TPC-B | 3,000 | 3× | ≥ 5× | no | ±0% |  |\n"
        "| one bid, p50 | 1.5 | ms |  |  |  | ≤ 1.5 | yes | ±258% |  |\n\n"
        f"## The other figures and the yardsticks\n\n{HEAD}"
        "| TPC-B | 3,000 | /s |  |  |  |  |  | ±5% |  |\n\n"
        "## Not measured\n\n| what | why |\n| --- | --- |\n| web | Busy: no |\n"
    )
    document = json.loads(report.to_json())
    assert document["machine"] == {"processor": "abacus, 2 beads"}
    assert document["rows"][1]["ratio"] == 15.04
    assert document["rows"][1]["target"] == {"of": "ratio", "bound": "at least", "value": 12}
    assert document["rows"][2]["met"] is False
    assert document["failures"] == {"web": "Busy: no"}


def test_what_is_missed_and_what_failed_is_named() -> None:
    assert Report(Machine(), (YARDSTICK, FAST, SLOW, LATE), {"web": "Busy: no"}).missed == ["bids", "web"]
