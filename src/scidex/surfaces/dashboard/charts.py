"""What charts are made of: options for ECharts, out of views, with nothing worked out but how it looks."""

from __future__ import annotations

from typing import Any

from scidex.surfaces.dashboard.markup import brief
from scidex.views import CandleView, insight

_COLUMN_OF = {"bids": 0, "bounties": 0, "subsidy": 0, "grants": 0, "edges": 3, "no_edges": 3}
_COLOURS = {
    "bids": "#4f8fd9",
    "bounties": "#8f7ad6",
    "subsidy": "#4aa8a0",
    "grants": "#c98b3c",
    "edges": "#3fa06b",
    "no_edges": "#9aa3ad",
}
_ARTIFACT, _UNIT = "#7a8896", "#b0718f"
_LABELS = {"edges": "brought edges", "no_edges": "no edges yet"}
_LONGEST = 22
_UP, _DOWN, _AXIS = "#3fa06b", "#c65b4e", "#7a8896"


def sankey(found: insight.PipelineView) -> dict[str, Any]:
    """Capital, artifacts, units, outcomes, from left to right; widths are tokens."""
    names = dict.fromkeys(name for link in found.links for name in (link.source, link.target))
    titles = {_node(each.artifact_type, each.artifact_id): each.title or each.artifact_id for each in found.artifacts}
    flows: dict[str, list[float]] = {name: [0.0, 0.0] for name in names}
    for link in found.links:
        flows[link.source][1] += link.tokens
        flows[link.target][0] += link.tokens
    nodes = [_drawn(name, titles.get(name), max(flows[name])) for name in names]
    series = {
        "type": "sankey",
        "data": nodes,
        "links": [{"source": link.source, "target": link.target, "value": link.tokens} for link in found.links],
        "left": 4,
        "right": 150,
        "top": 8,
        "bottom": 8,
        "nodeWidth": 10,
        "nodeGap": 9,
        "draggable": False,
        "emphasis": {"focus": "adjacency"},
        "lineStyle": {"color": "source", "opacity": 0.32, "curveness": 0.5},
        "label": {"fontSize": 12},
    }
    return {"animation": False, "tooltip": {"trigger": "item"}, "series": [series]}


def _node(artifact_type: str | None, artifact_id: str | None) -> str:
    return "others" if artifact_type is None else f"{artifact_type}:{artifact_id}"


def _drawn(name: str, title: str | None, tokens: float) -> dict[str, Any]:
    known = name in _COLUMN_OF
    column = _COLUMN_OF[name] if known else 2 if title is None else 1
    shown = title or _LABELS.get(name, name)
    if len(shown) > _LONGEST:
        shown = shown[: _LONGEST - 1] + "…"
    return {
        "name": name,
        "depth": column,
        "itemStyle": {"color": _COLOURS.get(name, _UNIT if column == 2 else _ARTIFACT), "borderWidth": 0},
        "label": {"formatter": f"{shown}  {brief(tokens)}"},
    }


def candles(found: list[CandleView]) -> dict[str, Any]:
    """Prices by interval, the oldest first."""
    ordered = list(reversed(found))
    axis = {"axisLine": {"lineStyle": {"color": _AXIS}}, "splitLine": {"lineStyle": {"color": _AXIS, "opacity": 0.25}}}
    drawn = {
        "type": "candlestick",
        "data": [[each.open, each.close, each.low, each.high] for each in ordered],
        "itemStyle": {"color": _UP, "borderColor": _UP, "color0": _DOWN, "borderColor0": _DOWN},
    }
    return {
        "animation": False,
        "grid": {"left": 44, "right": 12, "top": 14, "bottom": 28},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [f"{each.start:%m-%d %H:%M}" for each in ordered], **axis},
        "yAxis": {"type": "value", "min": 0, "max": 1, **axis},
        "series": [drawn],
    }
