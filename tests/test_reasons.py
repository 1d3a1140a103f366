"""Every reason is true: each number in each sentence is counted again from the raw tables, by pandas alone."""

import re
from collections import Counter
from itertools import pairwise

import pandas as pd
import pyarrow.parquet as pq
import pytest

import clm_ml as clm
from clm_ml.artifacts import new_box
from clm_ml.examples import collect_examples, training_as_ofs
from clm_ml.model import BOX_KIND, REASONS, learn, save_model
from clm_ml.pipeline import score
from clm_ml.snapshot import prepare
from clm_ml.timeline import parse_day
from tests.conftest import make_simulated

AS_OF = pd.Timestamp("2025-08-01")
DAY = "2025-08-01"
WINDOW = 90
WORDS = {"opened e-mail": "email_open", "clicked e-mail": "email_click"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make_simulated(tmp_path_factory.mktemp("shop"), customers=700)


@pytest.fixture(scope="module")
def box(shop):
    tables = clm.read_tables(shop)
    day = parse_day(DAY)
    examples = collect_examples(prepare(tables), shop, training_as_ofs(shop, tables.first_day, day), day)
    with new_box(shop.home / "model", BOX_KIND, {}) as hidden:
        save_model(learn(examples, shop, tables.inputs), hidden)
    return str(shop.home / "model")


@pytest.fixture(scope="module")
def scores(shop, box):
    score(shop, shop.home / "scores", as_of=DAY, model=box, reasons="all")
    return pq.read_table(shop.home / "scores" / "scores.parquet").to_pandas().set_index("customer_id")


class Person:
    """What the raw tables hold of one customer before as_of."""

    def __init__(self, lines, events, contacts):
        self.lines, self.events, self.contacts = lines, events, contacts
        sold = lines[~lines["is_return"]]
        self.ordered = sold.groupby("order_id")["ordered_at"].min().sort_values()
        self.days = sorted(set(self.ordered.dt.normalize()))
        self.gaps = pd.Series([(late - early).days for early, late in pairwise(self.days)], dtype=float)

    def since(self, instant):
        return (AS_OF - instant.normalize()).days

    def orders_in(self, days):
        return int((self.ordered >= AS_OF - pd.Timedelta(days=days)).sum())

    def spent_in(self, days=None):
        lines = self.lines if days is None else self.lines[self.lines["ordered_at"] >= AS_OF - pd.Timedelta(days=days)]
        return lines["amount"].sum()

    def events_in(self, days, kind=None):
        inside = self.events["occurred_at"] >= AS_OF - pd.Timedelta(days=days)
        return int((inside & ((self.events["event_type"] == kind) | (kind is None))).sum())

    def last(self, kind=None):
        at = self.events["occurred_at"] if kind is None else self.events.query("event_type == @kind")["occurred_at"]
        return None if at.empty else self.since(at.max())


@pytest.fixture(scope="module")
def people(shop):
    orders = pd.read_parquet(shop.home / "orders.parquet")
    events = pd.read_parquet(shop.home / "events.parquet")
    contacts = pd.read_parquet(shop.home / "contacts.parquet").query("arm != 'control'")
    tables = [
        rows[rows[at] < AS_OF]
        for rows, at in ((orders, "ordered_at"), (events, "occurred_at"), (contacts, "contacted_at"))
    ]
    seen = [dict(list(rows.groupby("customer_id"))) for rows in tables]

    def person(name):
        return Person(*(theirs.get(name, rows.head(0)) for theirs, rows in zip(seen, tables, strict=True)))

    return person


def _number(text):
    return float(text.replace(",", ""))


def _money_is(told, amount):
    return abs(_number(told) - amount) <= 0.5 + 1e-6


def _recency(person, row, since, times, whose, gap):
    assert int(since) == person.since(person.ordered.max()) == row["days_since_last_order"]
    assert (whose == "the usual ") == (len(person.gaps) > 0)
    assert abs(int(gap) - row["expected_gap_days"]) <= 0.5
    assert abs(float(times) - int(since) / row["expected_gap_days"]) <= 0.05 + 1e-9


def _never(person, row):
    assert person.ordered.empty


def _first(person, row, since):
    assert int(since) == person.since(person.ordered.min())


def _rhythm(person, row, mean, spread):
    assert abs(int(mean) - person.gaps.mean()) <= 0.5
    if spread is None:
        assert len(person.gaps) < 2
    else:
        assert abs(float(spread) - person.gaps.std()) <= 0.5


def _no_rhythm(person, row):
    assert person.gaps.empty


def _orders(person, row, ever, lately):
    assert (int(ever), int(lately)) == (len(person.ordered), person.orders_in(WINDOW))


def _single(person, row):
    assert len(person.ordered) == 1


def _none(person, row):
    assert person.ordered.empty


def _money(person, row, ever, lately):
    assert _money_is(ever, person.spent_in())
    assert _money_is(lately, person.spent_in(WINDOW))


def _returned(person, row, share):
    back = -person.lines.loc[person.lines["is_return"], "amount"].sum()
    bought = person.lines.loc[~person.lines["is_return"], "amount"].sum()
    assert abs(int(share) - max(1.0, 100 * back / bought)) <= 0.5 + 1e-9


def _nothing_returned(person, row):
    assert not person.lines["is_return"].any()


def _seen(person, row, since, lately):
    assert (int(since), int(lately)) == (person.last(), person.events_in(WINDOW))


def _unseen(person, row):
    assert person.events.empty


def _meant(person, row, word, since, lately, before):
    kind = WORDS.get(word, word.replace(" ", "_"))
    assert (int(since), int(lately)) == (person.last(kind), person.events_in(30, kind))
    assert abs(float(before) - (person.events_in(90, kind) - person.events_in(30, kind)) / 2) <= 0.05


def _long_ago(person, row, word, since):
    kind = WORDS.get(word, word.replace(" ", "_"))
    assert int(since) == person.last(kind)
    assert person.events_in(90, kind) == 0


def _not_yet(person, row, word):
    assert person.last(WORDS.get(word, word.replace(" ", "_"))) is None


def _sent(person, row, since, sent, answered):
    days = person.contacts["contacted_at"].dt.normalize()
    assert int(since) == (AS_OF - days.max()).days
    lately = days[days >= AS_OF - pd.Timedelta(days=365)]
    assert int(sent) == len(lately)
    assert int(answered) == sum(any(0 <= (day - at).days < 14 for day in person.days) for at in lately)


def _never_sent(person, row):
    assert person.contacts.empty


SENTENCES = {
    r"last contacted (\d+) days? ago, (\d+) times? in the last 365 days, (\d+) of them answered by an order": _sent,
    r"never contacted by a campaign": _never_sent,
    r"last order (\d+) days? ago, ([\d.]+) times (the usual |the )(\d+) days?(?: to be expected)?": _recency,
    r"has never ordered": _never,
    r"first order (\d+) days? ago": _first,
    r"orders every (\d+) days?(?:, give or take (\d+))?": _rhythm,
    r"has no rhythm of orders yet": _no_rhythm,
    r"(\d+) orders so far, (\d+) in the last 90 days": _orders,
    r"a single order so far": _single,
    r"no order so far": _none,
    r"spent (-?[\d,]+) EUR so far, (-?[\d,]+) EUR in the last 90 days": _money,
    r"returned (\d+)% of what was bought": _returned,
    r"has returned nothing": _nothing_returned,
    r"last seen (\d+) days? ago, (\d+) events? in the last 90 days": _seen,
    r"nothing seen between orders": _unseen,
    r"last ([a-z -]+) (\d+) days? ago, (\d+) in the last 30 days after ([\d.]+) a month before": _meant,
    r"last ([a-z -]+) (\d+) days? ago, none in the last 90 days": _long_ago,
    r"no ([a-z -]+) yet": _not_yet,
}


def test_every_number_of_every_reason_is_that_of_the_raw_tables(scores, people):
    told = Counter()
    for name, row in scores.iterrows():
        person = people(name)
        for reason in row[list(REASONS)].dropna():
            sentence = re.sub(r" \((raises|lowers) the risk\)$", "", reason)
            assert sentence != reason
            pattern, found = next((p, f) for p in SENTENCES if (f := re.fullmatch(p, sentence)))
            SENTENCES[pattern](person, row, *found.groups())
            told[pattern] += 1
    assert sum(told.values()) > 1000
    assert len(told) >= 8  # of sixteen kinds of sentence; a shop need not have all


def test_everyone_scored_by_trees_has_three_reasons_of_three_kinds(scores):
    ordered = scores[scores["churn_probability"].notna()]
    assert ordered[list(REASONS)].notna().all(axis=None)
    kinds = ordered[list(REASONS)].apply(lambda row: len({_kind(reason) for reason in row}), axis=1)
    assert (kinds == len(REASONS)).all()


def _kind(reason):
    sentence = re.sub(r" \((raises|lowers) the risk\)$", "", reason)
    pattern, found = next((p, f) for p in SENTENCES if (f := re.fullmatch(p, sentence)))
    return found[1] if "[a-z -]+" in pattern else pattern


def test_reasons_are_the_same_whatever_the_run_and_the_threads(shop, box, scores):
    for threads in (1, 2):
        again = shop.home / f"again-{threads}"
        score(shop.model_copy(update={"threads": threads}), again, as_of=DAY, model=box, reasons="all")
        rows = pq.read_table(again / "scores.parquet").to_pandas().set_index("customer_id")
        assert rows[list(REASONS)].equals(scores[list(REASONS)])
