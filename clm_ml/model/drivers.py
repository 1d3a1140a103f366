"""What drives risk: how far each theme moves the churn probability, over many customers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from clm_ml.features import catalogue
from clm_ml.model.bundle import Model

__all__ = ["risk_drivers"]

#: Contributions are costly, and as many customers tell a mean to within a point.
_MOST = 1_000


def risk_drivers(model: Model, features: pd.DataFrame) -> pd.DataFrame:
    """Tell how far each theme moves customers' churn probability, the one that moves it furthest first.

    A theme's part is the churn probability less what it would be without the theme's share in its log-odds, which is
    counted from the mean of training. Attributes are left out, as in reasons: none speaks of what somebody is.

    Args:
        model: asked about the customers.
        features: of people, as `describe` gives them; of many customers every so many are asked.

    Returns:
        `theme, raises_share, raises, lowers`: the share of customers whose risk it raises, and by how much, as a
        probability, it raises that of these and lowers that of the others, in the mean; 0 where there are none.
        Nothing, if no learner speaks of customers.
    """
    columns = ["theme", "raises_share", "raises", "lowers"]
    customers = features[features["orders_ever"] > 0]
    if model.customers is None or customers.empty:
        return pd.DataFrame(columns=columns)
    customers = model.complete(customers.iloc[:: -(-len(customers) // _MOST)].reset_index(drop=True))
    shares = model.customers.contributions(customers)
    shares = shares.drop(columns=model.attributes.columns(), errors="ignore")
    themes = {feature.name: feature.theme for feature in catalogue(model.task, model.inputs)}
    spoken = np.asarray([themes[column] for column in shares.columns])
    said = model.customers.raw(customers)
    rows = []
    for theme in dict.fromkeys(spoken):
        moved = expit(said - shares.loc[:, spoken == theme].sum(axis=1).to_numpy()) - expit(said)
        up, down = moved[moved > 0], moved[moved <= 0]
        rows.append((theme, len(up) / len(moved), up.mean() if len(up) else 0.0, -down.mean() if len(down) else 0.0))
    told = pd.DataFrame(rows, columns=columns)
    furthest = told["raises_share"] * told["raises"] + (1 - told["raises_share"]) * told["lowers"]
    return told.loc[furthest.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)
