"""When the customers of the simulated shop order, drop out, and are won back.

Orders follow the BG/NBD of Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science
24(2); the first order is tested for drop-out too, as in the MBG/NBD of Batislam, Denizel & Filiztekin (2007),
International Journal of Research in Marketing 24(3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clm_ml.datasets.truth import TRUTH, Bools, Floats, Ints, People, to_calendar, to_operational

__all__ = ["Contacts", "Orders", "draw_campaigns", "draw_orders"]


@dataclass(frozen=True)
class Orders:
    """One entry an order, by customer (as a place in `People`) and day."""

    customer: Ints
    day: Floats
    is_shocked: Bools


@dataclass(frozen=True)
class Contacts:
    """One entry a contact of a past campaign, by customer (as a place in `People`) and campaign."""

    customer: Ints
    campaign: Ints
    day: Floats
    is_treated: Bools


def draw_orders(rng: np.random.Generator, people: People) -> tuple[Orders, Floats]:
    """Draw every order a buyer places unprompted, and the day each customer loses interest.

    Given their number, the orders of a Poisson process are uniform in operational time; so the number that would
    come without drop-out and the one at which drop-out strikes are drawn first, and only orders that happen are
    made. Their places are the leading order statistics of uniforms: normalised sums of exponential waiting times.

    Returns:
        The orders, and one day a customer: of the drop-out (it may lie after the log's end, `inf` is never); for
        visitors, the day on which they stop being interested.
    """
    buyers = np.flatnonzero(people.is_buyer)
    begin = to_operational(people.first_order_day[buyers])
    left = to_operational(np.array([float(TRUTH.days)])) - begin
    unhindered = rng.poisson(people.order_rate[buyers] * left)
    staying = rng.geometric(_hazard(people.drop_out_probability[buyers])) - 1
    repeats, is_dropping = np.minimum(unhindered, staying), staying <= unhindered
    place, share = _leading_shares(rng, repeats, unhindered)
    day = to_calendar(begin[place] + left[place] * share)
    last = np.cumsum(repeats + 1) - 1
    day[last - repeats] = people.first_order_day[buyers]  # spares the first order the way to and fro
    drops_now = np.zeros(len(day), dtype=np.bool_)
    drops_now[last] = is_dropping
    orders = Orders(buyers[place], day, _shocks(rng, people.drop_out_probability[buyers][place], drops_now))
    interested = people.first_seen_day + rng.exponential(TRUTH.visitor_days, len(people))
    interested[buyers] = np.where(is_dropping, day[last] + rng.uniform(*TRUTH.drop_out_days, len(buyers)), np.inf)
    return orders, interested


def _hazard(drop_out: Floats) -> Floats:
    """Tell the probability of dropping out after any order, whether or not service failed."""
    return drop_out + TRUTH.shock_probability * (1 - drop_out) * TRUTH.shock_drop_out


def _leading_shares(rng: np.random.Generator, repeats: Ints, unhindered: Ints) -> tuple[Ints, Floats]:
    """Draw 0 and then the first `repeats` of `unhindered` sorted uniforms for each customer, and whose each is."""
    place = np.repeat(np.arange(len(repeats)), repeats + 1)
    last = np.cumsum(repeats + 1) - 1
    waits = rng.standard_exponential(len(place))
    waits[last - repeats] = 0.0
    waited = np.cumsum(waits)
    waited -= waited[last - repeats][place]
    whole = waited[last] + rng.standard_gamma(unhindered - repeats + 1.0)
    return place, waited / whole[place]


def _shocks(rng: np.random.Generator, drop_out: Floats, drops_now: Bools) -> Bools:
    """Draw which orders had a service failure, by Bayes' rule: the drop-outs it leads to are known already."""
    shock, shocked_drop_out = TRUTH.shock_probability, drop_out + (1 - drop_out) * TRUTH.shock_drop_out
    hazard = _hazard(drop_out)
    probability = np.where(drops_now, shock * shocked_drop_out / hazard, shock * (1 - shocked_drop_out) / (1 - hazard))
    return rng.random(len(drop_out)) < probability


def draw_campaigns(rng: np.random.Generator, people: People, orders: Orders) -> tuple[Contacts, Orders]:
    """Draw who was contacted, and add the orders that contacts caused.

    A contacted customer of the treatment arm who is lapsed places one extra order with their own probability. It
    changes nothing else: nobody is revived for good, or driven away.
    """
    may_be = people.is_buyer & people.contact_email & (people.may_contact == 1)
    prompted = np.full(len(people), -np.inf)
    rounds, extras = [], []
    for campaign, on in enumerate(TRUTH.campaigns_on):
        day = float((on - TRUTH.starts_on).days)
        silent = day - np.maximum(_last_before(day, orders, len(people)), prompted)
        is_lapsed = silent >= TRUTH.lapsed_days
        share = np.where(is_lapsed, TRUTH.lapsed_contact_share, TRUTH.other_contact_share)
        customer = np.flatnonzero(may_be & np.isfinite(silent) & (rng.random(len(people)) < share))
        is_treated = rng.random(len(customer)) < TRUTH.treatment_share
        works = rng.random(len(customer)) < people.effect[customer]
        extra = customer[is_treated & is_lapsed[customer] & works]
        prompted[extra] = day + rng.uniform(*TRUTH.effect_days, len(extra))
        extras.append(Orders(extra, prompted[extra], np.zeros(len(extra), dtype=np.bool_)))
        rounds.append(Contacts(customer, np.full(len(customer), campaign), np.full(len(customer), day), is_treated))
    return _sorted_contacts(rounds), _sorted_orders([orders, *extras])


def _last_before(day: float, orders: Orders, customers: int) -> Floats:
    """Find each customer's last order before a day; -inf if there is none."""
    line = orders.customer * 1000.0 + orders.day  # customers one after the other on one long time line
    place = np.searchsorted(line, np.arange(customers) * 1000.0 + day) - 1
    is_own = (place >= 0) & (orders.customer[place] == np.arange(customers))
    return np.where(is_own, orders.day[place], -np.inf)


def _sorted_orders(parts: list[Orders]) -> Orders:
    customer, day = np.concatenate([part.customer for part in parts]), np.concatenate([part.day for part in parts])
    by = np.argsort(customer * 1000.0 + day, kind="stable")
    return Orders(customer[by], day[by], np.concatenate([part.is_shocked for part in parts])[by])


def _sorted_contacts(parts: list[Contacts]) -> Contacts:
    customer = np.concatenate([part.customer for part in parts])
    by = np.argsort(customer, kind="stable")
    campaign, day = np.concatenate([part.campaign for part in parts]), np.concatenate([part.day for part in parts])
    return Contacts(customer[by], campaign[by], day[by], np.concatenate([part.is_treated for part in parts])[by])
