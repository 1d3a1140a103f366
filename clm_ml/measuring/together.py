"""Several campaigns together: what a programme caused, which one of them alone may be too small to show."""

from __future__ import annotations

from collections.abc import Sequence

from clm_ml.config import Measure
from clm_ml.errors import CampaignError
from clm_ml.measuring.differing import ask_whether_they_differ
from clm_ml.measuring.effects import Effect, Terms
from clm_ml.measuring.intervals import z_of
from clm_ml.measuring.measured import Measured
from clm_ml.measuring.verdicts import decide

__all__ = ["put_together"]


def put_together(measured: Sequence[Measured], plan: Measure | None = None) -> Measured:
    """Put several campaigns together: what all of them caused, each a line, and whether they differ.

    Campaigns that are still collecting, or are refused, are left out, with a warning. They are taken as independent:
    nobody is in two at once.

    Args:
        measured: as `measure` gives them, in one currency.
        plan: confidence and levels; those of the config's defaults if not given.

    Raises:
        CampaignError: if none of them is closed.
    """
    plan = plan or Measure()
    closed = [each for each in measured if each.total is not None]
    if not closed:
        raise CampaignError("none of these campaigns can be measured yet, so there is nothing to put together.")
    effects = tuple(each.total for each in closed if each.total is not None)
    z, name = z_of(plan.confidence), f"{len(closed)} campaigns together"
    pairs = tuple(pair for each in closed for pair in each.pairs)
    judged = decide(name, pairs, _terms(effects), z, plan.confidence, closed[0].currency)
    left = [each.campaign for each in measured if each.total is None]
    return Measured(
        campaign=name,
        arms={"contacted": judged.effect.contacted, "holdout": judged.effect.holdout},
        verdict=judged.verdict,
        total=judged.effect,
        segments=effects,
        differing=ask_whether_they_differ({each.name: each.rate for each in effects}, z, plan.confidence, "campaigns"),
        confidence=plan.confidence,
        currency=closed[0].currency,
        warnings=(f"left out, since not measured yet or refused: {', '.join(left)}.",) if left else (),
        pairs=pairs,
    )


def _terms(effects: Sequence[Effect]) -> Terms:
    """Add costs up; the margin is what all of them have, or none."""
    margins, costs = {effect.terms.margin for effect in effects}, [effect.terms.cost for effect in effects]
    known = [cost for cost in costs if cost is not None]
    return Terms(margins.pop() if len(margins) == 1 else None, sum(known) if len(known) == len(costs) else None)
