"""The curves a model is judged by, thinned so that they travel in its box: bins and sums, never a customer's row."""

from __future__ import annotations

from typing import Any

import numpy as np

from clm_ml.config import Config
from clm_ml.evaluation import gains_curve, profit_curve, reliability
from clm_ml.model import Model, risk_drivers
from clm_ml.pipeline.judging import Judged

__all__ = ["curves"]

#: So many points of a curve are as good as all of them to look at.
_POINTS = 120


def curves(judged: Judged, judge: Model, model: Model, config: Config) -> dict[str, Any]:
    """Draw up what a person looks at to believe a model, or not.

    Args:
        judged: what was said and what came.
        judge: the model that said it; the value of one order brought back is its estimate.
        model: the one that will score, whose drivers are told of the same customers.
        config: for the list's margin, contact cost and assumed save rate.

    Returns:
        `reliability`, bins as `evaluation.reliability` gives them; `gains` and `profit`, each method's `contacted` and
        `found` or `earned`; `drivers`, as `model.risk_drivers` gives them.
    """
    churned = 1 - judged.cohort["ordered"].to_numpy(dtype=np.float64)
    risks = {name: 1 - said for name, said in {"model": judged.order_probability, **judged.baselines}.items()}
    value = judge.order_amount(judged.cohort)
    return {
        "reliability": reliability(1 - churned, 1 - risks["model"]).to_dict("records"),
        "gains": {name: _thinned(gains_curve(churned, risk), "found", 6) for name, risk in risks.items()},
        "profit": {
            name: _thinned(profit_curve(churned, risk, value, config.list), "earned", 2) for name, risk in risks.items()
        },
        "list": config.list.model_dump(mode="json", include={"margin", "contact_cost", "assumed_save_rate"}),
        "drivers": risk_drivers(model, judged.cohort).to_dict("records"),
    }


def _thinned(curve: Any, name: str, digits: int) -> dict[str, list[float]]:
    """Keep points of a curve, denser where lists are short, and its highest."""
    even = (np.linspace(0, 1, _POINTS) ** 2 * (len(curve) - 1)).astype(np.int64)
    places = np.unique(np.append(even, np.argmax(curve)))
    return {"contacted": places.tolist(), name: np.round(curve[places], digits).tolist()}
