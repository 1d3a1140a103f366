"""A simulated shop of any size, whose truth is known: five tables, their config, and the truth itself.

The process is told in `truth` (parameters, season, customers), `ordering` (the BG/NBD of Fader, Hardie & Lee 2005,
and campaigns with known effects) and `traces` (lines and events).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clm_ml.datasets.ordering import Contacts, draw_campaigns, draw_orders
from clm_ml.datasets.traces import (
    CATEGORIES,
    CHANNELS,
    EVENT_TYPES,
    MARKETING,
    MONTHS,
    PRODUCTS,
    Events,
    Lines,
    draw_events,
    draw_lines,
    draw_prices,
)
from clm_ml.datasets.truth import TRUTH, Bools, Floats, Ints, People, draw_people, seconds, to_operational

__all__ = ["simulate"]

CHUNK = 20_000  # customers drawn at once: more would need memory, not save time
LEAST, MOST = 100, 10_000_000

_COUNTRIES = ("DE", "GB", "FR", "NL", "AT", "IE")
_AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
_NEWSLETTERS = tuple(f"newsletter-{month}" for month in MONTHS)
_CAMPAIGNS = tuple(f"winback-{on.year}-q{(on.month + 2) // 3}" for on in TRUTH.campaigns_on)

SHOP_YAML = """\
# A simulated shop whose truth is known: truth.parquet tells each customer's true rates and drop-out.
# Written by `clm-ml simulate`; paths are relative to the folder of this file.
project: simulated-shop
timezone: UTC
currency: EUR
complete_until: 2025-12-31        # every row before this day is there, none on or after it
tables:
  orders:                         # a line of an order; a returned line comes again with a negative amount
    source: orders.parquet
    columns:
      customer_id: customer_id
      ordered_at: ordered_at
      amount: amount              # paid, after the discount
      order_id: order_id
      product_id: product_id
      category: category
      quantity: quantity
      discount: discount
      channel: channel
      is_return: is_return
  events:
    source: events.parquet
    columns:
      customer_id: customer_id
      occurred_at: occurred_at
      event_type: event_type
      value: value                # 1 to 5, of satisfaction and review
      channel: channel
      campaign: campaign
      duration_seconds: duration_seconds
    meanings:                     # which event types mean what the features know
      visit: [visit]
      email_open: [email_open]
      email_click: [email_click]
      ticket: [ticket]
      satisfaction: [satisfaction]
      review: [review]
      referral: [referral]
      lead: [lead]
  customers:                      # half of the visitors without an order have no row
    source: customers.parquet
    columns:
      customer_id: customer_id
      email: email
      phone: phone
      country: country
      created_at: created_at
      may_contact: may_contact
      may_profile: may_profile
      contact_email: contact_email
      contact_phone: contact_phone
      age_band: age_band
  contacts:                       # past win-back campaigns, treatment and control
    source: contacts.parquet
    columns:
      customer_id: customer_id
      campaign: campaign
      contacted_at: contacted_at
      arm: arm
      channel: channel
      cost: cost
  spend:
    source: spend.parquet
    columns:
      spent_on: spent_on
      amount: amount
      channel: channel
      campaign: campaign
task:
  horizon_days: 90
list:
  segments: [cannot_lose, at_risk, falling_asleep]
  budget: 500
  holdout_share: 0.1
  margin: 0.3
  contact_cost: 1.0
  assumed_save_rate: 0.05
destinations: [table]
tracking:
  uri: sqlite:///mlflow.db
  experiment: simulated-shop
"""


def simulate(
    customers: int, seed: int, out: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Write a shop of so many customers into a folder: six Parquet tables and `shop.yaml`.

    The same customers and seed give the same bytes, and the first customers of a large shop are those of a
    smaller one, in whole chunks of 20,000. Rows are sorted by customer, then time; instants are whole seconds in
    UTC without a zone, from 2024-01-01 to before 2025-12-31. About 20 order lines and 20 events a customer.

    - orders: an order line; `amount` is what was paid, in EUR, after `discount`. A returned line is a second row
      with the same order and product, a negative amount and `is_return`. No nulls, no exact duplicates.
    - events: null where a column means nothing for the type; `value` is 1 (bad) to 5.
    - customers: every buyer and about half of the visitors; email, phone, country, may_contact, age_band can be null.
    - contacts: seven past campaigns; half of the customers in each are `control`, not contacted, at no cost.
    - spend: EUR a day, channel and campaign.
    - truth: one row a customer. `order_rate` is orders per day in an average season; `drop_out_probability` is
      met after each order (more after a service failure); `dropped_out_at` is when interest is lost, 15 to 25 days
      after the last unprompted order, null if that does not happen before the end; these are null for visitors.
      `persuadable_effect` is the probability that a contact while lapsed (90 days) causes one extra order.

    Args:
        customers: from 100 to 10,000,000, buyers and visitors.
        seed: 0 or more.
        out: the folder; made if it is not there. Files of these names are overwritten.
        progress: called after each chunk with the customers done and all of them.

    Returns:
        The number of rows of each table.

    Raises:
        ValueError: if customers or seed are outside their range.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     rows = simulate(100, seed=1, out=Path(folder))
    ...     sorted(path.name for path in Path(folder).iterdir())[-3:]
    ['shop.yaml', 'spend.parquet', 'truth.parquet']
    >>> rows["truth"], rows["spend"]
    (100, 2190)
    """
    if not LEAST <= customers <= MOST:
        raise ValueError(f"customers must be from {LEAST:,} to {MOST:,}; {customers:,} were asked for.")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more; it is {seed}.")
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    rows = _write(_chunks(customers, seed, draw_prices(rng), progress), out)
    spend = _spend(rng, customers)
    rows |= _write(iter([{"spend": spend}]), out)
    (out / "shop.yaml").write_text(SHOP_YAML, encoding="utf-8", newline="\n")
    return rows


def _chunks(
    customers: int, seed: int, prices: Floats, progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, pa.Table]]:
    """Draw chunk after chunk of customers, each from its own seed, so that chunks do not depend on each other."""
    orders_before = 0
    for chunk, first in enumerate(range(0, customers, CHUNK), start=1):
        rng = np.random.default_rng(np.random.SeedSequence([seed, chunk]))
        number = np.arange(first, min(first + CHUNK, customers))
        tables, orders = _chunk(rng, number, prices, orders_before)
        yield tables
        orders_before += orders
        if progress is not None:
            progress(first + len(number), customers)


def _chunk(
    rng: np.random.Generator, number: Ints, prices: Floats, orders_before: int
) -> tuple[dict[str, pa.Table], int]:
    people = draw_people(rng, number, len(CATEGORIES))
    unprompted, lost_day = draw_orders(rng, people)
    contacts, orders = draw_campaigns(rng, people, unprompted)
    customer_id = _coded("C", number, 7)
    order_id = _coded("O", orders_before + np.arange(len(orders.day)), 9)
    tables = {
        "orders": _orders(customer_id, order_id, draw_lines(rng, people, orders, prices)),
        "events": _events(customer_id, draw_events(rng, people, orders, lost_day)),
        "customers": _customers(rng, customer_id, people),
        "contacts": _contacts(customer_id, contacts),
        "truth": _truth(customer_id, people, lost_day),
    }
    return tables, len(orders.day)


def _write(chunks: Iterator[dict[str, pa.Table]], out: Path) -> dict[str, int]:
    """Write each table's chunks into one file.

    Without the Arrow schema in the file, a dictionary of words is written fast and read as plain text.
    """
    rows: dict[str, int] = {}
    with ExitStack() as open_files:
        writers: dict[str, pq.ParquetWriter] = {}
        for tables in chunks:
            for name, table in tables.items():
                if name not in writers:
                    writers[name] = open_files.enter_context(_writer(out / f"{name}.parquet", table))
                writers[name].write_table(table)
                rows[name] = rows.get(name, 0) + table.num_rows
    return rows


def _writer(path: Path, table: pa.Table) -> pq.ParquetWriter:
    repeating = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    return pq.ParquetWriter(
        path,
        table.schema,
        compression="zstd",
        use_dictionary=repeating,
        dictionary_pagesize_limit=16 << 20,  # the order ids of a whole chunk
        store_schema=False,
    )


def _orders(customer_id: pa.Array, order_id: pa.Array, lines: Lines) -> pa.Table:
    return pa.table(
        {
            "customer_id": _words(lines.customer, customer_id),
            "ordered_at": _instants(lines.second),
            "amount": lines.amount,
            "order_id": _words(lines.order, order_id),
            "product_id": _words(lines.product, _coded("P", np.arange(PRODUCTS), 4)),
            "category": _words(lines.product % len(CATEGORIES), CATEGORIES),
            "quantity": lines.quantity.astype(np.int32),
            "discount": lines.discount,
            "channel": _words(lines.channel, CHANNELS),
            "is_return": lines.is_return,
        }
    )


def _events(customer_id: pa.Array, events: Events) -> pa.Table:
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


def _customers(rng: np.random.Generator, customer_id: pa.Array, people: People) -> pa.Table:
    n = len(people)
    phone = _coded("+447700900", rng.integers(1000, size=n), 3)  # Ofcom's range for drama: nobody's number
    country = np.searchsorted([0.4, 0.65, 0.78, 0.88, 0.95], rng.random(n))
    table = pa.table(
        {
            "customer_id": customer_id,
            "email": _where(people.has_email, _coded("c", people.number, 7, "@example.org")),
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


def _contacts(customer_id: pa.Array, contacts: Contacts) -> pa.Table:
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


def _truth(customer_id: pa.Array, people: People, lost_day: Floats) -> pa.Table:
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


def _spend(rng: np.random.Generator, customers: int) -> pa.Table:
    """Spend about 3 EUR a customer over the log, following the season, unevenly by day."""
    demand = np.diff(to_operational(np.arange(TRUTH.days + 1.0)))[:, None]
    budget = 3.0 * customers / TRUTH.days * demand * np.array([0.5, 0.3, 0.2]) * rng.lognormal(0, 0.1, (TRUTH.days, 3))
    day, source = np.divmod(np.arange(budget.size), len(MARKETING))
    return pa.table(
        {
            "spent_on": np.datetime64(TRUTH.starts_on) + day,
            "amount": np.round(budget.ravel(), 2),
            "channel": _words(source, [channel for channel, _ in MARKETING]),
            "campaign": _words(source, [campaign for _, campaign in MARKETING]),
        }
    )


def _coded(prefix: str, number: Ints, digits: int, suffix: str = "") -> pa.Array:
    """Write numbers as texts of one width, such as C0000001, without a Python loop over them.

    >>> _coded("P", np.array([7, 42]), 4).to_pylist()
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
    """Name each place's word; -1 is null."""
    places = pa.array(place.astype(np.int32), mask=place < 0)
    return pa.DictionaryArray.from_arrays(places, words if isinstance(words, pa.Array) else pa.array(words))


def _where(is_there: Bools, texts: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(is_there), texts, None)


def _instants(second: Ints) -> npt.NDArray[np.datetime64]:
    return np.datetime64(TRUTH.starts_on, "us") + second * np.timedelta64(1_000_000, "us")
