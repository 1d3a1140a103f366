"""What drives risk: how far each theme moves the churn probability, in the mean, told by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from clm_ml.config import Inputs, Task
from clm_ml.model import risk_drivers

#: Each feature's share in the log-odds of an order, of two customers; both speak of recency or frequency.
SHARES = pd.DataFrame({"days_since_last_order": [1.0, -2.0], "orders_ever": [0.5, 0.5], "orders_last_90d": [0.5, 0.5]})
SAID = np.array([logit(0.8), logit(0.3)])


def model_of(shares: pd.DataFrame | None, attributes: tuple[str, ...] = ()) -> SimpleNamespace:
    """Stand in for a model whose learner gives these shares to the customers asked about, by their ids."""

    def at(frame: pd.DataFrame) -> list[int]:
        return frame["customer_id"].astype(int).tolist()

    customers = None
    if shares is not None:
        customers = SimpleNamespace(
            contributions=lambda frame: shares.iloc[[i % 2 for i in at(frame)]].set_index(frame.index),
            raw=lambda frame: SAID[[i % 2 for i in at(frame)]],
        )
    return SimpleNamespace(
        customers=customers,
        attributes=SimpleNamespace(columns=lambda: list(attributes)),
        task=Task(),
        inputs=Inputs(None, (), False, ()),
        complete=lambda frame: frame,
    )


def people(count: int, orders: int = 1) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": [str(i) for i in range(count)], "orders_ever": orders})


def test_a_theme_moves_the_risk_by_what_it_would_be_without_it() -> None:
    told = risk_drivers(model_of(SHARES), people(2)).set_index("theme")
    lowers = 0.8 - expit(logit(0.8) - 1.0)  # the first customer's chance of an order would be smaller without it
    raises = expit(logit(0.3) + 2.0) - 0.3
    assert told.loc["recency", ["raises_share", "raises", "lowers"]].tolist() == pytest.approx([0.5, raises, lowers])
    both = [0.8 - expit(logit(0.8) - 1.0), 0.3 - expit(logit(0.3) - 1.0)]
    assert told.loc["frequency", ["raises_share", "raises", "lowers"]].tolist() == pytest.approx([0, 0, np.mean(both)])
    assert list(told.index) == ["recency", "frequency"], "the one that moves it furthest is first"


def test_attributes_and_visitors_are_left_out() -> None:
    shares = SHARES.assign(attribute_country=[9.0, 9.0])
    told = risk_drivers(model_of(shares, ("attribute_country",)), people(2))
    pd.testing.assert_frame_equal(told, risk_drivers(model_of(SHARES), people(2)))
    assert risk_drivers(model_of(SHARES), people(2, orders=0)).empty
    assert risk_drivers(model_of(None), people(2)).empty


def test_of_many_customers_every_so_many_are_asked() -> None:
    told = risk_drivers(model_of(SHARES), people(2_001)).set_index("theme")
    assert told.loc["recency", "raises_share"] == pytest.approx(0.5, abs=0.01), "every third of them, in both kinds"
