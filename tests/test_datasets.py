"""The shops that ship with the package: the real one as published, and the simulated one, true to its own truth."""

import fcntl
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from clm_ml.config import MEANINGS, load_config
from clm_ml.datasets import online_retail_path, shop, simulate
from clm_ml.datasets.answering import add_answers, true_effects
from clm_ml.datasets.ordering import Orders, draw_campaigns
from clm_ml.datasets.traces import draw_events
from clm_ml.datasets.truth import TRUTH, draw_people, to_operational
from clm_ml.errors import ArtifactError, UsageError
from clm_ml.tables import read_tables
from clm_ml.timeline import date_of

CUSTOMERS = 20_000
CONFIGS = Path(__file__).parent.parent / "configs"


def days(instants):
    return (instants - pd.Timestamp(TRUTH.starts_on)) / pd.Timedelta("1D")


def in_three_errors(found, expected, error):
    return abs(found - expected) < 3 * error


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("shop")
    simulate(CUSTOMERS, seed=7, out=out)
    return out


@pytest.fixture(scope="module")
def truth(folder):
    return pd.read_parquet(folder / "truth.parquet").set_index("customer_id")


@pytest.fixture(scope="module")
def orders(folder, truth):
    """One row an order, with the truth of its customer and the day interest was lost."""
    lines = pd.read_parquet(folder / "orders.parquet")
    orders = lines[~lines.is_return].drop_duplicates("order_id")[["customer_id", "ordered_at"]]
    orders = orders.join(truth, on="customer_id")
    return orders.assign(day=days(orders.ordered_at), lost_day=days(orders.dropped_out_at).fillna(np.inf))


# the real shop ------------------------------------------------------------------------------------------------


def test_the_real_shop_is_whole_and_small_enough_to_ship():
    path = online_retail_path()
    lines = pd.read_parquet(path, columns=["CustomerID"])
    assert (len(lines), lines.CustomerID.nunique()) == (541_909, 4_372)
    assert path.stat().st_size < 4 * 2**20
    attribution = path.with_name("ATTRIBUTION.md").read_text(encoding="utf-8")
    assert all(said in attribution for said in ("Daqing Chen", "CC BY 4.0", "UCI", "What was changed"))


def test_its_config_reads_it_and_rejects_what_it_should():
    config = load_config(CONFIGS / "online_retail.yaml")
    assert config.path(config.tables.orders.source).resolve() == online_retail_path().resolve()
    tables = read_tables(config)
    assert tables.counts["orders"].used == 401_564
    assert dict(tables.counts["orders"].rejected) == {"duplicate line": 5_225, "no customer": 132_603}
    assert (date_of(tables.first_day).isoformat(), date_of(tables.complete_until).isoformat()) == (
        "2010-12-01",
        "2011-12-10",
    )
    returns = tables.orders.filter(nw.col("is_return"))
    assert len(returns.collect()) > 8_000


def test_asking_for_the_shops_imports_nothing_heavy():
    code = (
        "import sys; from clm_ml.datasets import online_retail_path, simulate; online_retail_path();"
        "print([name for name in ('numpy', 'pyarrow', 'duckdb', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# writing ------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path):
    for name, seed in (("one", 1), ("two", 1), ("other", 2)):
        simulate(100, seed=seed, out=tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    one, two, other = ([(tmp_path / run / name).read_bytes() for name in files] for run in ("one", "two", "other"))
    assert one == two
    assert files == [f"{name}.parquet" for name in ("contacts", "customers", "events", "orders")] + [
        "shop.yaml",
        "spend.parquet",
        "truth.parquet",
    ]
    assert [name for name, a, b in zip(files, one, other, strict=True) if a == b] == ["shop.yaml"]


def test_no_dictionary_has_a_word_twice(tmp_path, monkeypatch):
    seen = []
    write = pq.ParquetWriter.write_table
    monkeypatch.setattr(pq.ParquetWriter, "write_table", lambda self, table: (seen.append(table), write(self, table)))
    simulate(100, seed=1, out=tmp_path)
    columns = [column.chunk(0) for table in seen for column in table.columns if pa.types.is_dictionary(column.type)]
    assert len(columns) > 5
    assert all(len(set(words)) == len(words) for column in columns for words in [column.dictionary.to_pylist()])


def test_a_larger_shop_begins_with_the_smaller_one(tmp_path, monkeypatch):
    monkeypatch.setattr(shop, "CHUNK", 150)
    simulate(300, seed=3, out=tmp_path / "small")
    simulate(500, seed=3, out=tmp_path / "large")
    for table in ("orders", "events", "customers", "contacts", "truth"):
        small, large = (pd.read_parquet(tmp_path / size / f"{table}.parquet") for size in ("small", "large"))
        pd.testing.assert_frame_equal(small, large[large.customer_id < "C0000300"].reset_index(drop=True))


@pytest.mark.parametrize(
    ("customers", "seed", "sentence"),
    [
        (99, 1, "customers must be from 100 to 10,000,000; 99 were asked for."),
        (10_000_001, 1, "customers must be from 100 to 10,000,000; 10,000,001 were asked for."),
        (100, -1, "seed must be 0 or more; it is -1."),
    ],
)
def test_what_cannot_be_simulated_is_refused_before_anything_is_written(tmp_path, customers, seed, sentence):
    with pytest.raises(UsageError) as refusal:
        simulate(customers, seed=seed, out=tmp_path / "shop")
    assert str(refusal.value) == sentence
    assert not (tmp_path / "shop").exists()


def test_files_that_are_there_are_not_overwritten_unless_forced(tmp_path):
    (tmp_path / "orders.parquet").write_text("mine")
    with pytest.raises(ArtifactError, match=r"holds orders\.parquet already"):
        simulate(100, seed=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["orders.parquet"]
    simulate(100, seed=1, out=tmp_path, force=True)
    assert len(pd.read_parquet(tmp_path / "orders.parquet")) > 100


def test_a_run_that_breaks_leaves_nothing_behind(tmp_path):
    def breaks(done, _):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(100, seed=1, out=tmp_path, progress=breaks)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_and_what_a_run_that_lives_is_writing_stays(tmp_path):
    for name in ("left", "live"):
        (tmp_path / f".simulated-{name}").mkdir()
    held = os.open(tmp_path / ".simulated-live", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    simulate(100, seed=1, out=tmp_path)
    os.close(held)
    assert [path.name for path in tmp_path.glob(".*")] == [".simulated-live"]


def test_a_shop_that_is_replaced_half_way_has_no_config(tmp_path, monkeypatch):
    simulate(100, seed=1, out=tmp_path)
    replace_file = Path.replace

    def stop_at_spend(path, target):
        if path.name == "spend.parquet":
            raise KeyboardInterrupt
        return replace_file(path, target)

    monkeypatch.setattr(Path, "replace", stop_at_spend)
    with pytest.raises(KeyboardInterrupt):
        simulate(100, seed=2, out=tmp_path, force=True)
    assert not (tmp_path / "shop.yaml").exists(), "it would speak of tables of two draws"


def test_a_folder_that_is_a_file_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file cannot be written: File exists\.$"):
        simulate(100, seed=1, out=tmp_path / "file")


def test_progress_counts_up_to_all_customers(tmp_path, monkeypatch):
    monkeypatch.setattr(shop, "CHUNK", 60)
    told = []
    simulate(130, seed=1, out=tmp_path, progress=lambda done, of: told.append((done, of)))
    assert told == [(60, 130), (120, 130), (130, 130)]


# the simulated shop, read ---------------------------------------------------------------------------------------


def test_every_row_of_the_simulated_shop_is_used(folder):
    tables = read_tables(load_config(folder / "shop.yaml"))
    assert set(tables.counts) == {"orders", "events", "customers", "contacts", "spend"}
    assert {name: counts.rejected_share for name, counts in tables.counts.items()} == dict.fromkeys(tables.counts, 0.0)
    assert date_of(tables.complete_until) == TRUTH.complete_until
    assert date_of(tables.counts["orders"].last_day + 1) == TRUTH.complete_until


def test_every_mapped_column_has_something_to_tell(folder):
    plans = yaml.safe_load((folder / "shop.yaml").read_text(encoding="utf-8"))["tables"]
    for name, plan in plans.items():
        frame = pd.read_parquet(folder / plan["source"])
        assert set(plan["columns"]) == set(frame.columns)
        only_one = [column for column in frame if frame[column].nunique() < 2]
        assert only_one == (["channel"] if name == "contacts" else [])


def test_every_meaning_has_events(folder):
    config = load_config(folder / "shop.yaml")
    assert tuple(config.tables.events.meanings) == MEANINGS
    counts = pd.read_parquet(folder / "events.parquet", columns=["event_type"]).event_type.value_counts()
    assert counts[list(MEANINGS)].min() > 500
    assert set(counts.index) == set(MEANINGS)


def test_consent_has_yes_no_and_unknown_and_only_those_who_agreed_were_contacted(folder):
    people = pd.read_parquet(folder / "customers.parquet").set_index("customer_id")
    assert set(people.may_contact.dropna()) == {True, False}
    assert 0.01 < people.may_contact.isna().mean() < 0.05
    assert set(people.contact_email) == {True, False}
    assert not people[people.contact_email].email.isna().any()
    contacted = people.loc[pd.read_parquet(folder / "contacts.parquet").customer_id]
    assert set(contacted.may_contact) == set(contacted.contact_email) == {True}


def test_nothing_happens_before_a_customer_was_seen(folder):
    people = pd.read_parquet(folder / "customers.parquet").set_index("customer_id").created_at
    events = pd.read_parquet(folder / "events.parquet")
    seen = events.customer_id.map(people)
    assert not (events.occurred_at < seen).any()


def test_nobody_does_two_things_in_one_second():
    people = draw_people(np.random.default_rng(1), np.arange(3), categories=12)
    busy = replace(people, visit_rate=np.full(3, 300.0))
    none = Orders(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.bool_))
    events = draw_events(np.random.default_rng(1), busy, none, np.full(3, np.inf), np.zeros(0))
    assert len(events.second) > 100_000
    assert len(set(zip(events.customer.tolist(), events.second.tolist(), strict=True))) == len(events.second)


# the simulated shop, against its truth -----------------------------------------------------------------------------


def test_rates_and_drop_out_come_from_the_distributions_they_claim(truth):
    buyers = truth[truth.is_buyer]
    assert in_three_errors(len(buyers) / CUSTOMERS, TRUTH.buyer_share, (0.85 * 0.15 / CUSTOMERS) ** 0.5)
    for found, expected in (
        (buyers.order_rate, TRUTH.rate_shape / TRUTH.rate_days),
        (buyers.drop_out_probability, TRUTH.drop_out_a / (TRUTH.drop_out_a + TRUTH.drop_out_b)),
    ):
        assert in_three_errors(found.mean(), expected, found.std() / len(buyers) ** 0.5)


def test_customers_order_at_their_true_rate_while_they_are_alive(orders):
    """The repeat orders of everybody, against their rates times the operational days they were there for."""
    unprompted = orders[orders.day <= orders.lost_day]
    each = unprompted.groupby("customer_id").agg(
        first=("day", "min"), last=("day", "max"), count=("day", "size"), rate=("order_rate", "first"),
        lost_day=("lost_day", "first"),
    )  # fmt: skip
    end = np.where(np.isfinite(each.lost_day), each["last"], TRUTH.days)
    expected = each.rate * (to_operational(end) - to_operational(each["first"].to_numpy()))
    repeats = each["count"] - 1
    assert in_three_errors(repeats.sum(), expected.sum(), (repeats - expected).std() * len(each) ** 0.5)
    assert abs(repeats.sum() / expected.sum() - 1) < 0.02


def test_customers_drop_out_after_the_orders_their_truth_says(orders):
    edge = TRUTH.days - TRUTH.drop_out_days[1]  # whoever drops out later may not show it before the end
    unprompted = orders[(orders.day <= orders.lost_day) & (orders.day < edge)]
    own = unprompted.drop_out_probability
    hazard = own + TRUTH.shock_probability * (1 - own) * TRUTH.shock_drop_out
    last = unprompted.groupby("customer_id").agg(day=("day", "max"), lost_day=("lost_day", "first"))
    later = orders[(orders.day <= orders.lost_day)].groupby("customer_id").day.max()
    dropped = (np.isfinite(last.lost_day) & (later.loc[last.index] < edge)).sum()
    assert in_three_errors(dropped, hazard.sum(), (hazard * (1 - hazard)).sum() ** 0.5)


def test_only_a_contact_makes_those_order_who_lost_interest(folder, orders):
    contacts = pd.read_parquet(folder / "contacts.parquet")
    treated = contacts[contacts.arm == "treatment"].assign(contact_day=lambda rows: days(rows.contacted_at) // 1)
    after = orders[orders.day > orders.lost_day].reset_index()
    pairs = after.merge(treated[["customer_id", "contact_day"]], on="customer_id")
    first, last = TRUTH.effect_days
    prompted = pairs[(pairs.day - pairs.contact_day).between(first - 1, last + 1)]["index"].unique()
    assert len(after) > 50
    assert set(prompted) == set(after["index"])


def test_a_contact_brings_the_lapsed_back_as_often_as_the_truth_says_and_nobody_else(folder, orders, truth):
    contacts = pd.read_parquet(folder / "contacts.parquet").join(truth.persuadable_effect, on="customer_id")
    contacts["day"] = days(contacts.contacted_at).astype(int)
    pairs = contacts.reset_index()[["index", "customer_id", "day"]].merge(
        orders[["customer_id", "day"]], on="customer_id"
    )
    before = pairs[pairs.day_y < pairs.day_x].groupby("index").day_y.max()
    after = pairs[pairs.day_y.between(pairs.day_x, pairs.day_x + 31, inclusive="left")]["index"].unique()
    contacts["is_lapsed"] = contacts.day - before >= TRUTH.lapsed_days
    contacts["ordered"] = contacts.index.isin(after)
    for is_lapsed, rows in contacts.groupby("is_lapsed"):
        treated, control = (rows[rows.arm == arm] for arm in ("treatment", "control"))
        assert abs(len(treated) / len(rows) - 0.5) < 0.02
        difference = treated.ordered.mean() - control.ordered.mean()
        error = (treated.ordered.var() / len(treated) + control.ordered.var() / len(control)) ** 0.5
        expected = treated.persuadable_effect.mean() * (1 - control.ordered.mean()) if is_lapsed else 0.0
        assert in_three_errors(difference, expected, error)
        assert (difference > 5 * error) == is_lapsed


@pytest.mark.parametrize(("days_between", "brings_back"), [(60, False), (None, True)])
def test_a_contact_works_on_the_lapsed_alone(days_between, brings_back):
    """Of customers whom every contact persuades, those who never lapse place no order more."""
    drawn = draw_people(np.random.default_rng(1), np.arange(500), categories=12)
    people = replace(drawn, effect=np.ones(500), is_buyer=np.ones(500, dtype=np.bool_))
    own = np.arange(0.0, TRUTH.days, days_between) if days_between else np.zeros(1)
    orders = Orders(np.repeat(np.arange(500), len(own)), np.tile(own, 500), np.zeros(500 * len(own), dtype=np.bool_))
    contacts, after = draw_campaigns(np.random.default_rng(1), people, orders)
    assert contacts.is_treated.sum() > 50
    assert (len(after.day) > len(orders.day)) == brings_back


def test_control_costs_nothing(folder):
    contacts = pd.read_parquet(folder / "contacts.parquet")
    assert dict(contacts.groupby("arm").cost.max()) == {"control": 0.0, "treatment": 1.0}


def test_engagement_fades_before_the_orders_stop(folder, truth, orders):
    """Of those who were there for long, visits in the last 45 days before the drop-out, against the 45 before."""
    lost_day = days(truth.dropped_out_at).dropna()
    first = orders.groupby("customer_id").day.min()
    steady = lost_day[lost_day - first.reindex(lost_day.index) > 2 * TRUTH.fade_days]
    events = pd.read_parquet(folder / "events.parquet")
    visits = events[events.event_type == "visit"]
    ahead = (visits.customer_id.map(steady) - days(visits.occurred_at)).dropna()
    fading, before = (
        (ahead.between(0, TRUTH.fade_days)).sum(),
        ahead.between(TRUTH.fade_days, 2 * TRUTH.fade_days).sum(),
    )
    expected = (1 + TRUTH.faded_to) / 2
    assert in_three_errors(fading / before, expected, expected * (1 / fading + 1 / before) ** 0.5)
    after = ahead.between(-TRUTH.fade_days, 0).sum() / before
    assert after < 0.08


def test_demand_has_a_season(orders):
    by_month = orders[orders.ordered_at.dt.year == 2025].groupby(orders.ordered_at.dt.month).size()
    assert by_month[11] > 1.5 * by_month[2]


class TestAnswers:
    def test_only_those_contacted_answer_and_only_by_orders_of_the_month_after(self, tmp_path):
        simulate(400, seed=1, out=tmp_path)
        before = pd.read_parquet(tmp_path / "orders.parquet")
        truth = true_effects(tmp_path, date(2025, 5, 1), times=20)
        moved = truth.index[truth["effect"] > 0.15]
        caused = add_answers(tmp_path, [*moved[::2], "nobody"], date(2025, 5, 1), seed=1, times=20)
        after = pd.read_parquet(tmp_path / "orders.parquet")
        added = after.iloc[len(before) :]
        assert after.iloc[: len(before)].equals(before)
        assert len(added) == caused > 0
        assert set(added["customer_id"]) <= set(moved[::2])
        assert added["customer_id"].is_unique
        assert added["ordered_at"].between("2025-05-02", "2025-05-31").all()
        expected = truth.loc[moved[::2], "effect"].sum()
        assert abs(caused - expected) < 4 * expected**0.5

    def test_a_contact_moves_nobody_who_has_ordered_lately(self, tmp_path):
        simulate(400, seed=1, out=tmp_path)
        orders = pd.read_parquet(tmp_path / "orders.parquet")
        lately = orders[orders["ordered_at"].between("2025-02-01", "2025-04-30 23:59:59")]["customer_id"].unique()
        truth = true_effects(tmp_path, date(2025, 5, 1))
        assert (truth.loc[lately, "effect"] == 0).all()
        assert truth["effect"].max() == 0.15
        assert truth.index.isin(orders["customer_id"]).all()

    def test_answers_beyond_the_log_are_refused(self, tmp_path):
        simulate(100, seed=1, out=tmp_path)
        with pytest.raises(UsageError, match="ends on 2025-12-31"):
            add_answers(tmp_path, [], date(2025, 12, 15), seed=1)
