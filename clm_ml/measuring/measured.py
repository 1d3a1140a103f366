"""A campaign measured: the verdict, and the figures it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from clm_ml.measuring.arms import Arm, Pair
from clm_ml.measuring.differing import Differing
from clm_ml.measuring.effects import Effect
from clm_ml.measuring.interim import Interim
from clm_ml.measuring.intervals import Interval
from clm_ml.measuring.ratio import Ratio
from clm_ml.measuring.verdicts import Judged, Verdict
from clm_ml.measuring.words import html, lines, rows

__all__ = ["Measured"]


@dataclass(frozen=True)
class Measured:
    """What a campaign caused, as far as it can be told.

    Attributes:
        campaign: its name.
        arms: each arm as assigned, the holdout last.
        verdict: in a word and a sentence.
        total: all who were to be contacted against the holdout; None while collecting, or if refused.
        plays: each contacted arm by itself, if there are several, judged with Holm's correction.
        segments: each segment by itself; of `put_together`, each campaign.
        differing: whether these differ; None with fewer than two.
        adjusted: `buyers` and `revenue` once more, adjusted for what was known before; empty if it cannot be relied on.
        interim: what the buyers so far say, while the horizon is open.
        ratio: whether as many were held out as was meant; None if nobody told what was.
        detectable: the smallest rise, as a share, that these arms can tell four times in five.
        confidence: of all intervals.
        currency: of all money.
        warnings: what to bear in mind.
    """

    campaign: str
    arms: Mapping[str, Arm]
    verdict: Verdict
    total: Effect | None = None
    plays: tuple[Judged, ...] = ()
    segments: tuple[Effect, ...] = ()
    differing: Differing | None = None
    adjusted: Mapping[str, Interval] = field(default_factory=dict)
    interim: Interim | None = None
    ratio: Ratio | None = None
    detectable: float | None = None
    confidence: float = 0.0
    currency: str = ""
    warnings: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = field(default=(), repr=False)

    def facts(self) -> dict[str, Any]:
        """Tell all of it as plain data, for JSON."""
        parts = {"total": self.total, "differing": self.differing, "interim": self.interim, "ratio": self.ratio}
        return {
            "campaign": self.campaign,
            **self.verdict.facts(),
            "arms": {name: arm.facts() for name, arm in self.arms.items()},
            **{name: None if part is None else part.facts() for name, part in parts.items()},
            "plays": [play.effect.facts() | play.verdict.facts() for play in self.plays],
            "segments": [segment.facts() for segment in self.segments],
            "adjusted": {name: figure.facts() for name, figure in self.adjusted.items()},
            "smallest_detectable_rise": self.detectable,
            "confidence": self.confidence,
            "currency": self.currency,
            "warnings": list(self.warnings),
        }

    def lines(self) -> list[str]:
        """Tell it in sentences."""
        return lines(self)

    def rows(self) -> list[tuple[str, ...]]:
        """Lay out, as text, what each line brought, its heading first."""
        return rows(self)

    def table(self) -> pd.DataFrame:
        """Lay the figures out: a row for all, each play and each segment, with `_low` and `_high` of each figure."""
        effects = [] if self.total is None else [self.total, *(play.effect for play in self.plays), *self.segments]
        kinds = ["all"] + ["play"] * len(self.plays) + ["segment"] * len(self.segments)
        return pd.DataFrame([_row(kind, effect) for kind, effect in zip(kinds, effects, strict=False)])

    def _repr_html_(self) -> str:
        return html(self)


def _row(kind: str, effect: Effect) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": kind, "name": effect.name}
    row |= {"contacted": effect.contacted.customers, "held_out": effect.holdout.customers}
    row |= {"contacted_rate": effect.contacted.rate, "holdout_rate": effect.holdout.rate}
    for name in ("rate", "buyers", "revenue", "profit", "return_on_spend"):
        figure = getattr(effect, name)
        values = (np.nan,) * 3 if figure is None else (figure.value, figure.low, figure.high)
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
    return row
