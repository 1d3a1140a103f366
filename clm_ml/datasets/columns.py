"""The columns of the simulated shop: what was drawn, as Arrow tables with the names of the contract."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clm_ml.datasets.ordering import Contacts
from clm_ml.datasets.traces import CATEGORIES, CHANNELS, EVENT_TYPES, MARKETING, MONTHS, PRODUCTS, Events, Lines
from clm_ml.datasets.truth import TRUTH, Bools, Floats, Ints, People, seconds, to_operational

__all__ = [
    "coded",
    "contacts_table",
    "customers_table",
    "events_table",
    "orders_table",
    "spend_table",
    "truth_table",
]

_COUNTRIES = ("DE", "GB", "FR", "NL", "AT", "IE")
_AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
_NEWSLETTERS = tuple(f"newsletter-{month}" for month in MONTHS)
_CAMPAIGNS = tuple(f"winback-{on.year}-q{(on.month + 2) // 3}" for on in TRUTH.campaigns_on)


def orders_table(customer_id: pa.Array, order_id: pa.Array, lines: Lines) -> pa.Table:
    """Make the table of order lines, returned ones among them."""
    return pa.table(
        {
            "customer_id": _words(lines.customer, customer_id),
            "ordered_at": _instants(lines.second),
            "amount": lines.amount,
            "order_id": _words(lines.order, order_id),
            "product_id": _words(lines.product, coded("P", np.arange(PRODUCTS), 4)),
            "category": _words(lines.product % len(CATEGORIES), CATEGORIES),
            "quantity": lines.quantity.astype(np.int32),
            "discount": lines.discount,
            "channel": _words(lines.channel, CHANNELS),
            "is_return": lines.is_return,
        }
    )


def events_table(customer_id: pa.Array, events: Events) -> pa.Table:
    """Make the table of events."""
    return pa.table(
        {
            "customer_id": _words(events.customer, customer_id),
            "occurred_at": _instants(events.second),
            "event_type": _words(events.kind, EVENT_TYPES),
            "value": pa.array(events.value, mask=np.isnan(events.value)),
            "channel": _words(events.channel, CHANNELS),
            "campaign": _words(events.campaign, [*_NEWSLETTERS, *(campaign for _, campaign in MARKETING)]),
            "duration_seconds": pa.array(events.duration.astype(np.int32), mask=events.duration < 0),
        }
    )


def customers_table(rng: np.random.Generator, customer_id: pa.Array, people: People) -> pa.Table:
    """Make the table of those who have a row in it: every buyer and about half of the visitors."""
    n = len(people)
    phone = coded("+447700900", rng.integers(1000, size=n), 3)  # Ofcom's range for drama: nobody's number
    country = np.searchsorted([0.4, 0.65, 0.78, 0.88, 0.95], rng.random(n))
    table = pa.table(
        {
            "customer_id": customer_id,
            "email": _where(people.has_email, coded("c", people.number, 7, "@example.org")),
            "phone": _where(rng.random(n) < 0.6, phone),
            "country": _words(np.where(rng.random(n) < 0.99, country, -1), _COUNTRIES),
            "created_at": _instants(seconds(people.first_seen_day)),
            "may_contact": pa.array(people.may_contact == 1, mask=people.may_contact < 0),
            "may_profile": rng.random(n) < 0.97,
            "contact_email": people.contact_email,
            "contact_phone": rng.random(n) < 0.45,
            "age_band": _words(rng.integers(-1, len(_AGE_BANDS), n), _AGE_BANDS),
        }
    )
    return table.filter(pa.array(people.has_row))


def contacts_table(customer_id: pa.Array, contacts: Contacts) -> pa.Table:
    """Make the table of contacts; a campaign goes out at nine in the morning."""
    return pa.table(
        {
            "customer_id": _words(contacts.customer, customer_id),
            "campaign": _words(contacts.campaign, _CAMPAIGNS),
            "contacted_at": _instants((contacts.day * 86_400).astype(np.int64) + 9 * 3600),
            "arm": _words(contacts.is_treated.astype(np.int64), ("control", "treatment")),
            "channel": _words(np.zeros(len(contacts.day), dtype=np.int64), ("email",)),
            "cost": contacts.is_treated * 1.0,
        }
    )


def truth_table(customer_id: pa.Array, people: People, lost_day: Floats) -> pa.Table:
    """Make the table of what is true of each customer; what only buyers have is null for visitors."""
    is_lost = people.is_buyer & (lost_day < TRUTH.days)
    lost = seconds(np.where(is_lost, lost_day, 0.0))
    return pa.table(
        {
            "customer_id": customer_id,
            "is_buyer": people.is_buyer,
            "order_rate": pa.array(people.order_rate, mask=~people.is_buyer),
            "drop_out_probability": pa.array(people.drop_out_probability, mask=~people.is_buyer),
            "dropped_out_at": pa.array(_instants(lost), mask=~is_lost),
            "price_level": people.price_level,
            "favourite_category": _words(people.favourite_category, CATEGORIES),
            "persuadable_effect": people.effect,
        }
    )


def spend_table(rng: np.random.Generator, customers: int) -> pa.Table:
    """Spend about 3 EUR a customer over the log, following the season, unevenly by day."""
    demand = np.diff(to_operational(np.arange(TRUTH.days + 1.0)))[:, None]
    budget = 3.0 * customers / TRUTH.days * demand * np.array([0.5, 0.3, 0.2]) * rng.lognormal(0, 0.1, (TRUTH.days, 3))
    day, source = np.divmod(np.arange(budget.size), len(MARKETING))
    channels = list(dict.fromkeys(channel for channel, _ in MARKETING))
    channel = np.array([channels.index(channel) for channel, _ in MARKETING])[source]
    return pa.table(
        {
            "spent_on": np.datetime64(TRUTH.starts_on) + day,
            "amount": np.round(budget.ravel(), 2),
            "channel": _words(channel, channels),
            "campaign": _words(source, [campaign for _, campaign in MARKETING]),
        }
    )


def coded(prefix: str, number: Ints, digits: int, suffix: str = "") -> pa.Array:
    """Write numbers as texts of one width, such as C0000001, without a Python loop over them.

    >>> coded("P", np.array([7, 42]), 4).to_pylist()
    ['P0007', 'P0042']
    """
    width = len(prefix) + digits + len(suffix)
    text = np.empty((len(number), width), dtype=np.uint8)
    text[:] = np.frombuffer((prefix + "0" * digits + suffix).encode(), dtype=np.uint8)
    tens = 10 ** np.arange(digits - 1, -1, -1)
    text[:, len(prefix) : len(prefix) + digits] += (number[:, None] // tens % 10).astype(np.uint8)
    offsets = np.arange(len(number) + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(len(number), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(text))


def _words(place: Ints, words: pa.Array | tuple[str, ...] | list[str]) -> pa.DictionaryArray:
    """Name each place's word; -1 is null. No word twice: Parquet's writer would leave a gap of whatever bytes."""
    places = pa.array(place.astype(np.int32), mask=place < 0)
    return pa.DictionaryArray.from_arrays(places, words if isinstance(words, pa.Array) else pa.array(words))


def _where(is_there: Bools, texts: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(is_there), texts, None)


def _instants(second: Ints) -> npt.NDArray[np.datetime64]:
    return np.datetime64(TRUTH.starts_on, "us") + second * np.timedelta64(1_000_000, "us")
