"""What the customers of the simulated shop leave behind: order lines, returns and events."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from clm_ml.datasets.ordering import Orders
from clm_ml.datasets.truth import TRUTH, Bools, Floats, Ints, People, seconds

__all__ = [
    "CATEGORIES",
    "CHANNELS",
    "EVENT_TYPES",
    "MARKETING",
    "MONTHS",
    "PRODUCTS",
    "Events",
    "Lines",
    "draw_events",
    "draw_lines",
    "draw_prices",
    "draw_reductions",
]

CATEGORIES = ("bath", "books", "coffee", "garden", "gifts", "lamps", "linen", "office", "pans", "sport", "tea", "toys")
PRODUCTS = 167 * len(CATEGORIES)
CHANNELS = ("web", "app", "store", "email", "phone", "chat", "search", "social")
EVENT_TYPES = (
    "visit",
    "email_open",
    "email_click",
    "ticket",
    "satisfaction",
    "review",
    "referral",
    "lead",
    "first_response",
    "redemption",
)
MARKETING = (("search", "brand"), ("search", "generic"), ("social", "prospecting"))  # channel and campaign of spend
VOUCHER = 0.2
MONTHS = np.arange(np.datetime64(TRUTH.starts_on, "M"), np.datetime64(TRUTH.complete_until, "M") + 1)

_WEB, _APP, _STORE, _EMAIL, _PHONE, _CHAT, _SEARCH, _SOCIAL = range(len(CHANNELS))
_VISIT, _OPEN, _CLICK, _TICKET, _SATISFACTION, _REVIEW, _REFERRAL, _LEAD, _RESPONSE, _REDEMPTION = range(
    len(EVENT_TYPES)
)
_RANKS = PRODUCTS // len(CATEGORIES)
_POPULARITY = np.cumsum(np.arange(1, _RANKS + 1) ** -0.9)  # Zipf-like, by rank within a category
_SALES = np.cumsum(np.arange(len(CATEGORIES), 0, -1.0) + 6)  # the categories of those who stray from their favourite
_STARS = np.array([1, 2, 3, 3, 4, 4, 4, 5, 5, 5])


@dataclass(frozen=True)
class Lines:
    """One entry an order line or a returned line, by customer and second; `order` is a place in `Orders`."""

    order: Ints
    customer: Ints
    second: Ints
    product: Ints
    quantity: Ints
    amount: Floats  # paid: after the discount; negative if returned
    discount: Floats
    channel: Ints
    is_return: Bools


@dataclass(frozen=True)
class Events:
    """One entry an event, by customer and second; -1 and nan stand for null."""

    kind: Ints
    customer: Ints
    second: Ints
    value: Floats
    channel: Ints
    campaign: Ints  # a month's newsletter, or after all months one of MARKETING
    duration: Ints


def draw_prices(rng: np.random.Generator) -> Floats:
    """Draw the price of one piece of each product, for a customer of price level 1."""
    return np.maximum(rng.lognormal(2.0, 0.7, PRODUCTS), 0.5)


def draw_reductions(rng: np.random.Generator, orders: int) -> Floats:
    """Draw the share taken off each order: 0, a tenth, or a fifth, for which a voucher was redeemed."""
    return np.where(rng.random(orders) < 0.15, rng.choice([0.1, VOUCHER], orders), 0.0)


def draw_lines(rng: np.random.Generator, people: People, orders: Orders, prices: Floats, reductions: Floats) -> Lines:
    """Draw the lines of every order, and of those returned a second row 3 to 20 days later."""
    order = np.repeat(np.arange(len(orders.day)), 1 + rng.binomial(4, 0.42, len(orders.day)))
    product = _products(rng, people.favourite_category[orders.customer[order]])
    is_new = ~_stands_before(order, product)
    order, product = order[is_new], product[is_new]
    customer = orders.customer[order]
    quantity = np.minimum(rng.geometric(0.6, len(order)), 6)
    gross = quantity * np.round(prices[product] * people.price_level[customer], 2)
    discount = np.round(gross * reductions[order], 2)
    channel = np.array([_WEB, _APP, _STORE])[np.searchsorted([0.7, 0.88], rng.random(len(orders.day)))]
    sold = Lines(
        order=order,
        customer=customer,
        second=seconds(orders.day)[order],
        product=product,
        quantity=quantity,
        amount=np.round(gross - discount, 2),
        discount=discount,
        channel=channel[order],
        is_return=np.zeros(len(order), dtype=np.bool_),
    )
    both = _joined([sold, _returned(rng, sold, orders.day)])
    return _taken(both, _by_time(both.customer, both.second))


def _products(rng: np.random.Generator, favourite: Ints) -> Ints:
    """Half of all lines come from the favourite category, and in each a few products sell most."""
    category = np.searchsorted(_SALES, rng.random(len(favourite)) * _SALES[-1])
    category = np.where(rng.random(len(favourite)) < 0.5, favourite, category)
    rank = np.searchsorted(_POPULARITY, rng.random(len(favourite)) * _POPULARITY[-1])
    return rank * len(CATEGORIES) + category


def _stands_before(order: Ints, product: Ints) -> Bools:
    """Tell which lines repeat a product of their order, lest exact duplicates look like a fault of the log."""
    repeats = np.zeros(len(order), dtype=np.bool_)
    for step in range(1, 5):  # an order has at most five lines
        repeats[step:] |= (order[step:] == order[:-step]) & (product[step:] == product[:-step])
    return repeats


def _returned(rng: np.random.Generator, sold: Lines, order_day: Floats) -> Lines:
    back_day = order_day[sold.order] + rng.uniform(3, 20, len(sold.order))
    is_back = (rng.random(len(sold.order)) < 0.042) & (back_day < TRUTH.days)
    back = _taken(sold, np.flatnonzero(is_back))
    nothing = np.zeros(len(back.order))
    return Lines(
        order=back.order,
        customer=back.customer,
        second=seconds(back_day[is_back]),
        product=back.product,
        quantity=back.quantity,
        amount=-back.amount,
        discount=nothing,
        channel=back.channel,
        is_return=np.ones(len(nothing), dtype=np.bool_),
    )


def draw_events(
    rng: np.random.Generator, people: People, orders: Orders, lost_day: Floats, reductions: Floats
) -> Events:
    """Draw every event; none comes before its customer was first seen, nor twice in a second.

    Visits and opens are Poisson, and fade before the day on which interest is lost: so they tell of a drop-out
    before the missing orders can. Tickets, surveys and reviews follow orders; vouchers are redeemed with them.
    """
    parts = _visits(rng, people, lost_day) + _mails(rng, people, lost_day)
    parts += _service(rng, orders) + _voices(rng, orders)
    parts += [*_leads(rng, people), _redeemed(orders, reductions)]
    events = _joined(parts)
    events = _taken(events, _by_time(events.customer, events.second))
    again = (np.diff(events.customer) == 0) & (np.diff(events.second) == 0)
    return _taken(events, np.flatnonzero(np.concatenate([[True], ~again])))


def _visits(rng: np.random.Generator, people: People, lost_day: Floats) -> list[Events]:
    later, day = _fading(rng, people.visit_rate, people.first_seen_day, lost_day)
    customer = np.concatenate([np.arange(len(people)), later])
    channel = np.where(rng.random(len(customer)) < 0.7, _WEB, _APP)
    duration = np.minimum(rng.lognormal(4.8, 0.9, len(customer)), 7200).astype(np.int64) + 1
    return [_events(_VISIT, customer, np.concatenate([people.first_seen_day, day]), channel, duration=duration)]


def _mails(rng: np.random.Generator, people: People, lost_day: Floats) -> list[Events]:
    reader, day = _fading(rng, people.open_rate, people.first_seen_day, lost_day)
    clicks = rng.random(len(day)) < TRUTH.clicks_per_open
    click_day = day[clicks] + rng.uniform(0.0005, 0.005, int(clicks.sum()))
    opened = _events(_OPEN, reader, day, _EMAIL, campaign=_newsletter(day))
    return [opened, _events(_CLICK, reader[clicks], click_day, _EMAIL, campaign=_newsletter(day[clicks]))]


def _newsletter(day: Floats) -> Ints:
    begins = (MONTHS.astype("datetime64[D]") - np.datetime64(TRUTH.starts_on)).astype(np.int64)
    return np.searchsorted(begins, day, side="right") - 1


def _fading(rng: np.random.Generator, rate: Floats, begin: Floats, lost_day: Floats) -> tuple[Ints, Floats]:
    """Draw a Poisson process for each customer, thinned as interest fades."""
    length = np.clip(lost_day + TRUTH.afterglow_days, None, TRUTH.days) - begin
    customer = np.repeat(np.arange(len(rate)), rng.poisson(rate * length))
    day = begin[customer] + length[customer] * rng.random(len(customer))
    interest = np.interp(
        day - lost_day[customer], (-TRUTH.fade_days, 0.0, 1e-9), (1.0, TRUTH.faded_to, TRUTH.afterglow)
    )
    stays = rng.random(len(customer)) < interest
    return customer[stays], day[stays]


def _service(rng: np.random.Generator, orders: Orders) -> list[Events]:
    """A failure is followed by a ticket and low satisfaction; other tickets end well."""
    about = np.flatnonzero(orders.is_shocked | (rng.random(len(orders.day)) < 0.02))
    customer, is_shocked = orders.customer[about], orders.is_shocked[about]
    ticket_day = orders.day[about] + rng.uniform(1, 5, len(about))
    channel = np.array([_EMAIL, _PHONE, _CHAT])[rng.integers(3, size=len(about))]
    value = np.where(is_shocked, rng.integers(1, 3, len(about)), rng.integers(3, 6, len(about)))
    answers = rng.random(len(about)) < 0.9
    answer_day = ticket_day[answers] + rng.uniform(0.1, 2, int(answers.sum()))
    answered = _events(_SATISFACTION, customer[answers], answer_day, channel[answers], value=value[answers])
    return [_events(_TICKET, customer, ticket_day, channel), answered]


def _voices(rng: np.random.Generator, orders: Orders) -> list[Events]:
    surveyed, survey_day = _after(rng, orders, 0.04, (2, 10))
    pleased = rng.integers(3, 6, len(surveyed))
    reviewer, review_day = _after(rng, orders, 0.05, (5, 20))
    friend, friend_day = _after(rng, orders, 0.01, (1, 40))
    return [
        _events(_SATISFACTION, surveyed, survey_day, _EMAIL, value=pleased),
        _events(_REVIEW, reviewer, review_day, _WEB, value=_STARS[rng.integers(len(_STARS), size=len(reviewer))]),
        _events(_REFERRAL, friend, friend_day, np.where(rng.random(len(friend)) < 0.5, _EMAIL, _SOCIAL)),
    ]


def _leads(rng: np.random.Generator, people: People) -> list[Events]:
    """Some who leave their address came by an advertisement, and most of them are answered."""
    lead = np.flatnonzero(people.has_row & (rng.random(len(people)) < 0.3))
    source = rng.integers(len(MARKETING), size=len(lead))
    came_by = np.array([CHANNELS.index(channel) for channel, _ in MARKETING])[source]
    day = people.first_seen_day[lead] + rng.uniform(0.0005, 0.02, len(lead))
    answers = rng.random(len(lead)) < 0.9
    answer_day = day[answers] + rng.exponential(0.8, int(answers.sum()))
    came = _events(_LEAD, lead, day, came_by, campaign=len(MONTHS) + source)
    return [came, _events(_RESPONSE, lead[answers], answer_day, _EMAIL)]


def _redeemed(orders: Orders, reductions: Floats) -> Events:
    by_voucher = np.flatnonzero(reductions == VOUCHER)
    day = orders.day[by_voucher]
    return _events(_REDEMPTION, orders.customer[by_voucher], day, _WEB, campaign=_newsletter(day))


def _after(rng: np.random.Generator, orders: Orders, share: float, days: tuple[int, int]) -> tuple[Ints, Floats]:
    about = np.flatnonzero(rng.random(len(orders.day)) < share)
    return orders.customer[about], orders.day[about] + rng.uniform(*days, len(about))


def _events(
    kind: int,
    customer: Ints,
    day: Floats,
    channel: Ints | int,
    *,
    value: Ints | float = np.nan,
    campaign: Ints | int = -1,
    duration: Ints | int = -1,
) -> Events:
    """Make events of one kind; those after the log's end have not happened yet."""
    happened = day < TRUTH.days
    facts = (kind, customer, seconds(day), value, channel, campaign, duration)
    return Events(*(np.broadcast_to(fact, len(day))[happened] for fact in facts))


_Rows = TypeVar("_Rows", Lines, Events)


def _by_time(customer: Ints, second: Ints) -> Ints:
    return np.argsort(customer * (TRUTH.days * 86_400) + second, kind="stable")


def _joined(parts: list[_Rows]) -> _Rows:
    kind = type(parts[0])
    return kind(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(kind)))


def _taken(rows: _Rows, places: Ints) -> _Rows:
    return type(rows)(*(getattr(rows, field.name)[places] for field in fields(rows)))
