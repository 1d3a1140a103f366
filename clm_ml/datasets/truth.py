"""The truth of the simulated shop: its parameters, its clock, and the lasting traits of its customers.

The season is a change of clock: rates are constant in operational days, which pass quickly before Christmas and
slowly in February. Days are numbers here, counted from the log's first instant; whoever is not there has the day `inf`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

__all__ = [
    "TRUTH",
    "Bools",
    "Floats",
    "Ints",
    "People",
    "Truth",
    "draw_people",
    "seconds",
    "to_calendar",
    "to_operational",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """The parameters of the simulated shop; rates are per day, shares and probabilities lie between 0 and 1."""

    starts_on: date = date(2024, 1, 1)  # first day of the log
    complete_until: date = date(2025, 12, 31)  # no row on or after it
    buyer_share: float = 0.85  # people who order at least once in the log
    early_share: float = 1 / 3  # buyers whose first order falls into the first early_days
    early_days: int = 91
    growth: float = 0.85  # later first orders come at share u ** growth of the rest; below 1 the shop grows
    rate_shape: float = 0.5  # r of the Gamma from which order rates come
    rate_days: float = 6.0  # alpha of that Gamma; the mean rate is r / alpha
    drop_out_a: float = 0.6  # a of the Beta from which drop-out probabilities come
    drop_out_b: float = 3.5  # b of that Beta
    shock_probability: float = 0.04  # orders with a service failure
    shock_drop_out: float = 0.25  # share of those who would have stayed, whom the failure drives away
    drop_out_days: tuple[float, float] = (15.0, 25.0)  # from the last order until interest is lost for good
    fade_days: float = 45.0  # interest declines linearly over so many days before that
    faded_to: float = 0.25  # … to this share of its rate
    afterglow: float = 0.05  # … and from then on to this share
    afterglow_days: float = 60.0  # … for so many days; then nothing
    visitor_days: float = 60.0  # mean days a visitor without orders stays interested
    visits: float = 0.008  # mean rate of visits of somebody who never orders
    visits_per_order: float = 0.55  # further visits per expected order
    opens: float = 0.030  # mean rate of e-mail opens of those who get e-mails
    clicks_per_open: float = 0.22
    campaigns_on: tuple[date, ...] = (
        date(2024, 4, 1),
        date(2024, 7, 1),
        date(2024, 10, 1),
        date(2025, 1, 1),
        date(2025, 4, 1),
        date(2025, 7, 1),
        date(2025, 10, 1),
    )
    lapsed_days: int = 90  # a campaign calls lapsed whoever has not ordered for so many days
    lapsed_contact_share: float = 0.4  # of lapsed customers who may be contacted
    other_contact_share: float = 0.1  # of the others who may be
    treatment_share: float = 0.5
    effect_days: tuple[float, float] = (1.0, 30.0)  # an extra order comes in this many days after the contact
    persuadable_effect: float = 0.15  # probability of an extra order, if treated while lapsed
    other_effect: float = 0.01  # the same for those not persuadable
    eager_open_rate: float = 0.030  # readers above this open rate are often persuadable, others seldom
    persuadable_shares: tuple[float, float] = (0.1, 0.6)  # of seldom and of eager readers

    @property
    def days(self) -> int:
        """Length of the log in days."""
        return (self.complete_until - self.starts_on).days


TRUTH = Truth()

_MONTHS = (0.85, 0.75, 0.83, 0.88, 0.92, 0.90, 0.86, 0.84, 0.95, 1.10, 1.60, 1.60)  # demand in mid-month
_WEEKDAYS = (0.95, 0.92, 0.95, 1.00, 1.08, 1.15, 0.95)  # Monday first
_HOURS = (1, 1, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 9, 8, 7, 7, 7, 8, 9, 11, 12, 10, 6, 3)


def _operational_days() -> Floats:
    """How many operational days have passed when each calendar day begins; on average one a day."""
    days = np.datetime64(TRUTH.starts_on) + np.arange(TRUTH.days)
    day_of_year = (days - days.astype("datetime64[Y]")).astype(np.int64)
    demand = np.interp(day_of_year, np.arange(12) * 30.5 + 15, _MONTHS, period=366)
    demand *= np.asarray(_WEEKDAYS)[(days.astype(np.int64) + 3) % 7]
    return np.concatenate([[0.0], np.cumsum(demand / demand.mean())])


_CALENDAR = np.arange(TRUTH.days + 1, dtype=np.float64)
_OPERATIONAL = _operational_days()
_DAY_SHARES = np.cumsum([0, *_HOURS]) / sum(_HOURS)


def to_operational(day: Floats) -> Floats:
    """Read the season's clock on calendar days."""
    return np.interp(day, _CALENDAR, _OPERATIONAL)


def to_calendar(operational: Floats) -> Floats:
    """Find the calendar day on which the season's clock shows so many operational days."""
    return np.interp(operational, _OPERATIONAL, _CALENDAR)


def seconds(day: Floats) -> Ints:
    """Turn days into whole seconds since the log's first instant, spread over the hours people keep.

    The order of two days is kept; a day at the very end of the log becomes its last second.

    >>> seconds(np.array([0.0, 1.5, 730.0]))
    array([       0,   143228, 63071999])
    """
    whole = np.floor(day)
    within = np.interp(day - whole, _DAY_SHARES, np.arange(25) * 3600.0)
    return np.minimum((whole * 86_400 + within).astype(np.int64), TRUTH.days * 86_400 - 1)


@dataclass(frozen=True)
class People:
    """One entry a customer: what is true of them for good."""

    number: Ints
    is_buyer: Bools
    first_seen_day: Floats
    first_order_day: Floats  # inf: a visitor
    order_rate: Floats  # per operational day; nan: a visitor
    drop_out_probability: Floats  # after each order without a service shock; nan: a visitor
    price_level: Floats
    favourite_category: Ints
    visit_rate: Floats
    open_rate: Floats
    has_row: Bools  # in the customers table
    has_email: Bools
    may_contact: Ints  # 1, 0 or -1: unknown
    contact_email: Bools
    effect: Floats  # probability that a contact while lapsed causes an order

    def __len__(self) -> int:
        return len(self.number)


def draw_people(rng: np.random.Generator, number: Ints, categories: int) -> People:
    """Draw the lasting traits of customers, who are known by their numbers."""
    n = len(number)
    is_buyer = rng.random(n) < TRUTH.buyer_share
    first_order_day = np.where(is_buyer, _first_order_days(rng, n), np.inf)
    order_rate = np.where(is_buyer, rng.gamma(TRUTH.rate_shape, 1 / TRUTH.rate_days, n), np.nan)
    drop_out = np.where(is_buyer, rng.beta(TRUTH.drop_out_a, TRUTH.drop_out_b, n), np.nan)
    has_row = is_buyer | (rng.random(n) < 0.5)
    has_email = has_row & (rng.random(n) < np.where(is_buyer, 0.97, 0.85))
    may_contact = np.where(rng.random(n) < 0.03, -1, rng.random(n) < 0.91).astype(np.int64)
    contact_email = has_email & (rng.random(n) < 0.92)
    open_rate = np.where(contact_email & (may_contact == 1), rng.gamma(0.8, TRUTH.opens / 0.8, n), 0.0)
    return People(
        number=number,
        is_buyer=is_buyer,
        first_seen_day=_first_seen_days(rng, first_order_day),
        first_order_day=first_order_day,
        order_rate=order_rate,
        drop_out_probability=drop_out,
        price_level=rng.lognormal(0.0, 0.4, n),
        favourite_category=rng.integers(categories, size=n),
        visit_rate=rng.gamma(2.0, TRUTH.visits / 2, n) + TRUTH.visits_per_order * np.nan_to_num(order_rate),
        open_rate=open_rate,
        has_row=has_row,
        has_email=has_email,
        may_contact=may_contact,
        contact_email=contact_email,
        effect=_effects(rng, is_buyer, open_rate),
    )


def _first_order_days(rng: np.random.Generator, n: int) -> Floats:
    early, end = _OPERATIONAL[TRUTH.early_days], _OPERATIONAL[-1]
    is_early, share = rng.random(n) < TRUTH.early_share, rng.random(n)
    return to_calendar(np.where(is_early, share * early, early + (end - early) * share**TRUTH.growth))


def _first_seen_days(rng: np.random.Generator, first_order_day: Floats) -> Floats:
    """Most buyers order within days of their first visit, some convert months later; visitors come any day."""
    n = len(first_order_day)
    lead = np.where(rng.random(n) < 0.15, rng.uniform(20, 200, n), rng.exponential(3.0, n))
    share = rng.random(n)
    seen = np.where(first_order_day > lead, first_order_day - lead, first_order_day * share)
    return np.where(np.isinf(first_order_day), share * TRUTH.days, seen)


def _effects(rng: np.random.Generator, is_buyer: Bools, open_rate: Floats) -> Floats:
    seldom, eager = TRUTH.persuadable_shares
    is_persuadable = rng.random(len(is_buyer)) < np.where(open_rate > TRUTH.eager_open_rate, eager, seldom)
    return np.where(is_buyer, np.where(is_persuadable, TRUTH.persuadable_effect, TRUTH.other_effect), 0.0)
