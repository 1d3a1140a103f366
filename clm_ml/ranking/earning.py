"""What a contact is expected to earn: by what is assumed, by what past campaigns brought back, or by proved uplift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

from clm_ml.config import ListPlan
from clm_ml.lifecycle import Play
from clm_ml.ranking.lookup import look_up

__all__ = ["Effects", "Place", "SaveRates", "with_profit"]

#: A channel, and whether who is contacted by it has been silent for a horizon.
Place = tuple[str | None, bool]


@dataclass(frozen=True)
class SaveRates:
    """What past campaigns brought back: by how much contacts raised the chance of an order, of a mean reader.

    Attributes:
        rates: by channel, and by whether the customer had been silent for a horizon. The channel `None` is that of
            campaigns that do not tell theirs, and holds for every channel that has no rate of its own.
        horizon_days: of the task.
        answers: what single customers did, in the same places as `rates`: how many `contacts` they had and how many
            orders these `brought_back`, as far as can be told; by customer_id.
    """

    rates: Mapping[Place, float]
    horizon_days: int
    answers: Mapping[Place, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    def effects(self, scores: pd.DataFrame, channels: pd.Series[str]) -> pd.Series[float]:
        """Give the effect of a contact by a channel on each row; null where no campaign has told.

        >>> rates = SaveRates({("email", True): 0.04, ("email", False): 0.01}, horizon_days=90)
        >>> scores = pd.DataFrame({"days_since_last_order": [90.0, 89.0, 400.0]})
        >>> rates.effects(scores, pd.Series(["email", "email", "phone"])).tolist()
        [0.04, 0.01, nan]
        """
        told = pd.Series(np.nan, scores.index)
        for place, is_there in self._places(scores, channels):
            told[is_there] = self.rates[place]
        return told

    def answered(
        self, effects: pd.Series[float], scores: pd.DataFrame, channels: pd.Series[str], contacts: int
    ) -> pd.Series[float]:
        """Let what each customer answered speak beside the effect that is expected of everyone alike.

        The effect is the mean of a beta distribution worth so many `contacts`; with their own, of which some brought
        them back, it is `(contacts × effect + brought_back) / (contacts + own)`.

        >>> own = pd.DataFrame({"contacts": [2], "brought_back": [0.8]}, index=["back"])
        >>> rates = SaveRates({(None, True): 0.04}, 90, {(None, True): own})
        >>> scores = pd.DataFrame({"customer_id": ["back", "new"], "days_since_last_order": [100.0, 100.0]})
        >>> rates.answered(pd.Series([0.04, 0.04]), scores, pd.Series(["email", "email"]), contacts=8).round(3).tolist()
        [0.112, 0.04]
        """
        told = effects.copy()
        for place, is_there in self._places(scores, channels):
            if contacts and place in self.answers:
                own = look_up(scores.loc[is_there, "customer_id"], self.answers[place]).fillna(0.0).to_numpy()
                sent, brought_back = own.T
                told[is_there] = (contacts * told[is_there] + brought_back) / (contacts + sent)
        return told

    def _places(self, scores: pd.DataFrame, channels: pd.Series[str]) -> Iterator[tuple[Place, pd.Series[bool]]]:
        """Find which rows each rate is of; a channel without one of its own has that of `None`."""
        is_lapsed = scores["days_since_last_order"].astype(np.float64) >= self.horizon_days
        for channel, lapsed in product(channels.unique(), (False, True)):
            place = (channel, lapsed) if (channel, lapsed) in self.rates else (None, lapsed)
            if place in self.rates:
                yield place, (channels.isna() if pd.isna(channel) else channels.eq(channel)) & is_lapsed.eq(lapsed)


@dataclass(frozen=True)
class Effects:
    """What is known of what a contact does; of nobody anything, as it comes.

    Attributes:
        reading: how much likelier than others a customer reads an e-mail, by customer_id, 1 being the mean; so much
            likelier is an e-mail to bring them back. 1 for whom it does not tell, and for other channels.
        save_rates: what past campaigns brought back; it takes the place of what is assumed.
        uplift: by how much a contact is proved to raise the chance of an order, by customer_id; whom it does not tell
            of is ranked by the others. It knows who reads e-mails, so `reading` adds nothing to it.
    """

    reading: pd.Series[float] | None = field(default=None, repr=False)
    save_rates: SaveRates | None = None
    uplift: pd.Series[float] | None = field(default=None, repr=False)


def with_profit(scores: pd.DataFrame, plan: ListPlan, plays: Mapping[str, Play], known: Effects) -> pd.DataFrame:
    """Add the orders a contact is expected to add, what one is worth, and what a contact costs and earns after that."""
    own = {name: play.contact_cost for name, play in plays.items() if play.contact_cost is not None}
    cost = scores["segment"].map(own).astype(np.float64).fillna(plan.contact_cost)
    effect, ranked_by = _effects(scores, plan, plays, known)
    worth = scores["expected_value_if_ordering"].astype(np.float64)
    if "expected_order_amount" in scores:
        worth = scores["expected_order_amount"].astype(np.float64).fillna(worth)
    profit = effect * plan.margin * worth - cost
    told = {"expected_effect": effect, "order_amount": worth, "expected_profit": profit, "contact_cost": cost}
    return scores.assign(**told, ranked_by=ranked_by)


def _effects(
    scores: pd.DataFrame, plan: ListPlan, plays: Mapping[str, Play], known: Effects
) -> tuple[pd.Series[float], pd.Series[str]]:
    """Tell the effect of a contact, and by what it is known: the last of the three that tells."""
    channels = scores["segment"].map({name: play.channel for name, play in plays.items()})
    effect = scores["churn_probability"].astype(np.float64) * plan.assumed_save_rate
    ranked_by = pd.Series(f"expected profit (assumed save rate {plan.assumed_save_rate:g})", scores.index)
    if known.save_rates is not None:
        measured = known.save_rates.effects(scores, channels).where(effect.notna())
        effect = measured.fillna(effect)
        ranked_by = ranked_by.where(measured.isna(), "expected profit (measured save rate)")
    if known.reading is not None:
        likelier = look_up(scores["customer_id"], known.reading).fillna(1.0).where(channels.eq("email"), 1.0)
        effect = (effect * likelier).clip(upper=1.0)
    if known.save_rates is not None:
        effect = known.save_rates.answered(effect, scores, channels, plan.answer_contacts)
    if known.uplift is not None:
        proved = look_up(scores["customer_id"], known.uplift).astype(np.float64)
        effect, ranked_by = proved.fillna(effect), ranked_by.where(proved.isna(), "expected profit (proved uplift)")
    return effect, ranked_by
