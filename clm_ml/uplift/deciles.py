"""What contacting changed in each tenth of the customers, from those who were thought to be moved most on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clm_ml.measuring import Pair, Terms, compare, count_arm

__all__ = ["by_decile"]

_TENTHS = 10


def by_decile(judged: pd.DataFrame, z: float) -> pd.DataFrame:
    """Compare the arms of each tenth, by Newcombe's interval.

    Args:
        judged: a row a customer: place (from 0, thought to be moved most, to 1), contacted, ordered and chance.
        z: of the limits, in standard errors.

    Returns:
        ten rows: decile (1 is moved most), contacted, held_out (customers), contacted_rate, holdout_rate, effect,
        effect_low and effect_high; figures are null where an arm has nobody. Customers who had another chance of being
        contacted are compared among themselves.
    """
    tenths = np.minimum((judged["place"].to_numpy() * _TENTHS).astype(np.int64), _TENTHS - 1)
    return pd.DataFrame([_row(tenth + 1, judged[tenths == tenth], z) for tenth in range(_TENTHS)])


def _row(decile: int, rows: pd.DataFrame, z: float) -> dict[str, float]:
    pairs = [pair for _, alike in rows.groupby("chance", sort=True) if (pair := _pair(alike)) is not None]
    row: dict[str, float] = {"decile": decile}
    if not pairs:
        return row | {"contacted": int(rows["contacted"].sum()), "held_out": int((~rows["contacted"]).sum())}
    effect = compare(str(decile), pairs, Terms(), z)
    row |= {"contacted": effect.contacted.customers, "held_out": effect.holdout.customers}
    row |= {"contacted_rate": effect.contacted.rate, "holdout_rate": effect.holdout.rate}
    return row | {"effect": effect.rate.value, "effect_low": effect.rate.low, "effect_high": effect.rate.high}


def _pair(rows: pd.DataFrame) -> Pair | None:
    """Put both arms side by side; None if one has nobody."""
    is_contacted = rows["contacted"]
    if is_contacted.all() or not is_contacted.any():
        return None
    one, other = (count_arm(rows.loc[arm, "ordered"], None) for arm in (is_contacted, ~is_contacted))
    return Pair(one, other)
