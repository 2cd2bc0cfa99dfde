"""The economy at a glance: from capital to knowledge, what pools have left, what needs a decision. It only reads."""

from scidex.insight.actions import attention, listed, pipeline, pools
from scidex.insight.model import (
    CAPITAL,
    Concern,
    Listed,
    PeriodInvalid,
    Pipeline,
    PipelineArtifact,
    PipelineLink,
    PoolLine,
    Pools,
    TopInvalid,
)

__all__ = [
    "CAPITAL",
    "Concern",
    "Listed",
    "PeriodInvalid",
    "Pipeline",
    "PipelineArtifact",
    "PipelineLink",
    "PoolLine",
    "Pools",
    "TopInvalid",
    "attention",
    "listed",
    "pipeline",
    "pools",
]
