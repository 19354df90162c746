"""What a new adapter must show before it takes the champion's place."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Guards(BaseModel):
    """The conditions of a promotion; ``docs/retraining.md`` says why they are as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    significance: float = Field(
        0.05,
        gt=0.0,
        le=0.5,
        title="Significance",
        description="Level of the paired test of the parse success (two-sided exact McNemar)",
    )
    ppl_rise: float = Field(
        0.10,
        ge=0.0,
        le=1.0,
        title="Rise of the perplexity",
        description="The perplexity of held-out text may rise by at most this share: 0.1 is 10%",
    )
    mattr_fall: float = Field(
        0.02,
        ge=0.0,
        le=1.0,
        title="Fall of the diversity",
        description="The diversity (MATTR, 0 to 1) of continuations may fall by at most this",
    )
