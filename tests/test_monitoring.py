"""What has changed since training: drawn differences, each with what it must be called, ordinary ones in silence."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import clm_ml
from clm_ml.config import Monitor, Task
from clm_ml.errors import ArtifactError
from clm_ml.features import catalogue
from clm_ml.monitoring import (
    KINDS,
    Arrived,
    Bins,
    Came,
    Finding,
    Flow,
    Reference,
    Seen,
    Spread,
    Values,
    arrived_by,
    by_chance,
    compare_attributes,
    compare_outcomes,
    compare_rows,
    compare_spreads,
    daily_rows,
    fit_bins,
    in_order,
    ordinary,
    psi,
    read_reference,
    values_of,
)
from clm_ml.snapshot import prepare
from clm_ml.timeline import parse_day

LIMITS = Monitor()
LEARNED, AS_OF = 1000, 1028
TABLES = {
    "orders": {"read": 1000, "used": 1000, "rejected": {}},
    "events": {"read": 1000, "used": 1000, "rejected": {}},
}


def loud(findings: Any) -> list[tuple[str, str, str]]:
    """Name what is told: level, kind and what."""
    return [(f.level, f.kind, f.what) for f in in_order(findings) if f.level != "silent"]


# Spreads ---------------------------------------------------------------------------------------------------


def test_borders_lie_at_deciles_and_no_bin_is_made_for_fewer_than_twenty() -> None:
    assert fit_bins(range(1, 201)).borders == (20, 40, 60, 80, 100, 120, 140, 160, 180)
    assert fit_bins(range(1, 101)).borders == (20, 40, 60, 80)
    assert fit_bins([*[0] * 90, *range(10)]).borders == ()
    assert fit_bins([1.0] * 19).borders == ()
    assert fit_bins([None] * 100).borders == ()


def test_a_border_is_nobodys_value() -> None:
    values = np.arange(40) * 0.123456789 + 12345.678
    assert not set(fit_bins(values).borders) & set(values)


def test_a_value_on_the_border_lies_below_it_and_nulls_have_a_bucket_of_their_own() -> None:
    assert Bins((1.0, 2.0)).count([0.5, 1.0, 1.5, 2.0, 2.5, None, float("nan")]).tolist() == [2, 2, 2, 1]


def test_the_index_is_the_sum_over_buckets_of_differences_times_logarithms() -> None:
    by_hand = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert psi([50_000, 50_000], [30_000, 70_000]) == pytest.approx(by_hand, rel=1e-3)
    assert psi([100, 0], [0, 100]) > 5
    assert np.isfinite(psi([100, 0], [0, 100]))


def test_chance_exceeds_what_is_granted_to_it_as_seldom_as_it_is_said() -> None:
    rng = np.random.default_rng(1)
    shares = np.array([0.02, 0.08, 0.1, 0.2, 0.3, 0.3])
    draws = [(rng.multinomial(400, shares), rng.multinomial(300, shares)) for _ in range(2000)]
    exceeded = np.mean([psi(a, b) > by_chance(0.05, a, b) for a, b in draws])
    assert 0.02 < exceeded < 0.07


def test_what_days_of_training_differ_by_is_ordinary_and_grows_where_they_are_nearer_together() -> None:
    steady = {day: (9000 - 20 * day, 1000 + 20 * day) for day in range(0, 71, 14)}
    fortnight, month = ordinary(steady, 14), ordinary(steady, 28)
    assert month == pytest.approx(4 * fortnight, rel=0.25)
    assert ordinary(steady, 140) == pytest.approx(4 * ordinary(steady, 70), rel=0.01)
    assert ordinary({0: (50, 50)}, 14) == 0.0


def reference(**told: Any) -> Reference:
    none = Arrived({}, 28, {})
    return replace(Reference(LEARNED, 1000, none, {}, {}, {}, {}, {}), **told)


FEATURES = {feature.name: feature for feature in catalogue(Task())}
EVEN = (0, 250, 250, 250, 250)


def spread(**days: tuple[int, ...]) -> Spread:
    """Draw a spread over four bins; the day of learning is even unless it is told."""
    counts = {LEARNED: EVEN} | {LEARNED + int(day.removeprefix("d").replace("_", "-")): c for day, c in days.items()}
    return Spread(Bins((1.0, 2.0, 3.0)), 2.0, counts)


def compared(then: Spread, now: tuple[int, ...], typical: float = 2.0, name: str = "orders_ever") -> list[Finding]:
    seen = Seen({name: now}, {name: typical}, {})
    return list(compare_spreads(reference(features={name: then}), seen, FEATURES, AS_OF, LIMITS))


def test_a_feature_that_is_spread_alike_is_silent_and_one_that_is_not_is_named() -> None:
    assert loud(compared(spread(), (0, 260, 240, 255, 245))) == []
    assert loud(compared(spread(), (0, 120, 200, 250, 430))) == [("notice", "feature", "orders_ever")]
    alarm = compared(spread(), (0, 50, 100, 250, 600))
    assert loud(alarm) == [("alarm", "feature", "orders_ever")]
    assert "above 3 were 25% of the customers, and are 60%" in alarm[0].words
    assert loud(compared(spread(), (500, 125, 125, 125, 125))) == [("alarm", "feature", "orders_ever")]


def test_few_customers_are_no_drift() -> None:
    few = Spread(Bins((1.0, 2.0, 3.0)), 2.0, {LEARNED: (0, 10, 10, 10, 10)})
    assert loud(compared(few, (0, 4, 6, 10, 20))) == []


def test_what_months_of_training_changed_by_is_no_drift() -> None:
    moving = {f"d_{28 * back}": (0, 250 + 80 * back, 250, 250, 250 - 80 * back) for back in (1, 2, 3)}
    assert loud(compared(spread(), (0, 100, 250, 250, 400))) == [("notice", "feature", "orders_ever")]
    assert loud(compared(spread(**moving), (0, 100, 250, 250, 400))) == []


def test_what_the_same_weeks_changed_by_a_year_ago_is_the_season() -> None:
    now, then = (0, 50, 100, 250, 600), {"d_364": (0, 400, 300, 200, 100), "d_336": (0, 80, 120, 200, 240)}
    assert loud(compared(spread(**then), now)) == [("notice", "season", "orders_ever")]
    other = {"d_364": (0, 400, 300, 200, 100), "d_336": (0, 500, 300, 130, 70)}
    assert loud(compared(spread(**other), now)) == [("alarm", "feature", "orders_ever")]
    not_so_near = {"d_388": (0, 400, 300, 200, 100), "d_312": (0, 80, 120, 200, 240)}
    assert "season" not in str(loud(compared(spread(**not_so_near), now)))


def test_a_typical_value_that_is_many_times_larger_looks_like_another_unit() -> None:
    found = compared(spread(), (0, 0, 0, 0, 1000), typical=200.0)
    assert loud(found) == [("alarm", "unit", "orders_ever")]
    assert "100 times what it was" in found[0].words
    assert loud(compared(spread(), (0, 1000, 0, 0, 0), typical=0.2)) == [("alarm", "unit", "orders_ever")]


def test_features_that_cannot_be_computed_any_more_are_one_alarm() -> None:
    then = reference(features={"orders_ever": spread(), "amount_ever": spread()})
    found = list(compare_spreads(then, Seen({}, {}, {}), FEATURES, AS_OF, LIMITS))
    assert loud(found) == [("alarm", "feature", "lost features")]
    assert "2 features" in found[0].words


def test_segments_are_compared_by_name() -> None:
    then = reference(segments={LEARNED: {"loyal": 500, "at_risk": 500}})
    same, other = ({"loyal": 510, "at_risk": 490}, {"loyal": 200, "at_risk": 500, "champion": 300})
    assert loud(compare_spreads(then, Seen({}, {}, same), FEATURES, AS_OF, LIMITS)) == []
    assert loud(compare_spreads(then, Seen({}, {}, other), FEATURES, AS_OF, LIMITS)) == [
        ("alarm", "segment", "segments")
    ]


# Rows ------------------------------------------------------------------------------------------------------


def rows_of(kind: str, per_day: Any, first: int = LEARNED - 400) -> pd.DataFrame:
    """Draw rows of each day until the scores; `per_day` is a number, or a function of the day."""
    days = np.arange(first, AS_OF)
    counts = [per_day(int(day)) if callable(per_day) else per_day for day in days]
    told = pd.DataFrame({"kind": kind, "day": days, "rows": counts})
    return told[told["rows"] > 0]


def flow_of(*kinds: pd.DataFrame, then: dict[str, int] | None = None, **now: Any) -> Flow:
    daily = pd.concat(kinds, ignore_index=True)
    span = {}
    for name, end in (("then", LEARNED), ("now", AS_OF)):
        inside = daily[(daily["day"] >= end - 28) & (daily["day"] < end)]
        span[name] = inside.groupby("kind")["rows"].sum().to_dict()
    delays = now.pop("delays", ({}, {}))
    before, after = Arrived(then or span["then"], 28, delays[0]), Arrived(span["now"], 28, delays[1])
    return Flow(before, after, daily, LEARNED, AS_OF, now.pop("tables_then", TABLES), now.pop("tables", TABLES))


ORDERS = rows_of("orders", 20)


def told_of(*given: Any, **told: Any) -> list[tuple[str, str, str]]:
    return loud(compare_rows(flow_of(*given, **told), LIMITS))


def test_rows_that_go_on_as_before_are_silent() -> None:
    assert told_of(ORDERS, rows_of("event visit", 30)) == []


def test_a_doubled_rate_is_an_alarm_whether_it_began_lately_or_the_whole_table_was_doubled() -> None:
    since = rows_of("event visit", lambda day: 30 if day < LEARNED else 60)
    assert told_of(ORDERS, since) == [("alarm", "rate", "event visit")]
    doubled = flow_of(ORDERS, rows_of("event visit", 60), then={"orders": 560, "event visit": 840})
    assert loud(compare_rows(doubled, LIMITS)) == [("alarm", "rate", "event visit")]
    halved = rows_of("event visit", lambda day: 30 if day < LEARNED else 14)
    assert told_of(ORDERS, halved) == [("alarm", "rate", "event visit")]


def test_a_rate_that_a_year_ago_changed_alike_is_the_season_and_without_that_year_it_is_not() -> None:
    def christmas(day: int) -> int:
        return 40 if day >= LEARNED or LEARNED - 364 <= day < AS_OF - 364 else 20

    assert told_of(rows_of("orders", christmas)) == [("notice", "season", "orders")]
    assert told_of(rows_of("orders", christmas, first=LEARNED - 300)) == [("alarm", "rate", "orders")]


def test_a_log_that_began_in_the_middle_of_the_same_weeks_tells_of_no_season() -> None:
    doubled = rows_of("orders", lambda day: 40 if day >= LEARNED else 20, first=LEARNED - 364 - 14)
    assert told_of(doubled) == [("alarm", "rate", "orders")]


def test_a_shop_that_grows_as_it_did_is_silent() -> None:
    assert told_of(rows_of("orders", lambda day: round(20 * 2.0 ** ((day - LEARNED) / 28)))) == []


def test_few_rows_are_no_rate() -> None:
    leads = rows_of("event lead", lambda day: int(day % 3 == 0) if day < LEARNED else 0)
    assert told_of(ORDERS, rows_of("event visit", 30), leads) == []


def test_a_table_that_is_mapped_no_longer_and_one_that_is_empty_are_missing() -> None:
    gone = {name: told for name, told in TABLES.items() if name == "orders"}
    assert told_of(ORDERS, rows_of("event visit", 30), tables=gone) == [("alarm", "table", "events")]
    stopped = rows_of("event visit", lambda day: 30 if day < LEARNED else 0)
    assert told_of(ORDERS, stopped) == [("alarm", "table", "events")]


@pytest.mark.parametrize(("days", "level"), [(1, None), (2, "notice"), (3, "notice"), (4, "alarm")])
def test_a_last_row_that_lies_farther_back_than_ever_is_late(days: int, level: str | None) -> None:
    ended = rows_of("orders", lambda day: 20 if day < AS_OF - days else 0)
    told = [found for found in told_of(ended) if found[2] == "orders: last row"]
    assert told == ([] if level is None else [(level, "late", "orders: last row")])


@pytest.mark.parametrize("closed", [1, 3])
def test_a_shop_that_is_closed_on_some_days_of_the_week_is_not_late_after_them(closed: int) -> None:
    assert told_of(rows_of("orders", lambda day: 20 if (AS_OF - 1 - day) % 7 >= closed else 0)) == []


def test_last_days_that_came_in_part_are_late() -> None:
    partly = rows_of("orders", lambda day: 20 if day < AS_OF - 3 else 5)
    assert told_of(partly) == [("alarm", "late", "orders: last days")]
    weekly = rows_of("orders", lambda day: 5 if (AS_OF - day) % 7 in (1, 2, 3) else 20)
    assert told_of(weekly) == []
    now_and_then = rows_of("orders", lambda day: 5 if (AS_OF - 1 - day) % 90 < 3 else 20)
    assert told_of(now_and_then) == []


def test_rows_that_take_longer_to_arrive_than_nearly_all_did_are_late() -> None:
    usual, slow = [900, 90, 10, 0, 0, 0], [500, 100, 300, 100, 0, 0]
    assert told_of(ORDERS, delays=({"orders": usual}, {"orders": usual})) == []
    assert told_of(ORDERS, delays=({"orders": usual}, {"orders": slow})) == [("alarm", "late", "orders: delay")]


def test_a_reason_that_rejects_more_of_the_new_rows_is_told() -> None:
    def tables(read: int, rejected: int) -> dict[str, Any]:
        counts = {"read": read, "used": read - rejected, "rejected": {"unreadable date": rejected}}
        return TABLES | {"orders": counts}

    assert told_of(ORDERS, tables_then=tables(100_000, 500), tables=tables(103_000, 515)) == []
    worse = told_of(ORDERS, tables_then=tables(100_000, 500), tables=tables(103_000, 900))
    assert worse == [("alarm", "rejected", "orders: unreadable date")]


def test_rows_are_counted_by_kind_and_day_as_far_as_they_were_known(shop: Any) -> None:
    orders = [("a", "2024-01-02", 5, "o1", "2024-01-02"), ("a", "2024-01-02", 5, "o1", "2024-01-02"),
              ("b", "2024-01-03", 5, "o2", "2024-01-09"), ("b", "2024-01-05", 5, "o3", "2024-01-05")]  # fmt: skip
    events = [
        ("a", "2024-01-02", "visit", "2024-01-02"),
        ("c", "2024-01-03", "dance", "2024-01-03"),
        ("c", "2024-01-03", "visit", "2024-01-09"),
    ]
    prepared = prepare(shop(orders, events, [("a", "2024-01-01", None)]))
    rows = daily_rows(prepared, parse_day("2024-01-05"))
    told = [(row.kind, row.day - parse_day("2024-01-01"), row.rows) for row in rows.itertuples()]
    assert told == [("event visit", 1, 1), ("new customers", 0, 1), ("orders", 1, 1), ("other events", 2, 1)]
    delays = {day: arrived_by(prepared, parse_day(day), 28)[0].delays for day in ("2024-01-05", "2024-01-10")}
    assert delays["2024-01-05"] == {"orders": [1, 0, 0, 0, 0, 0], "events": [2, 0, 0, 0, 0, 0]}
    assert delays["2024-01-10"] == {"orders": [2, 0, 0, 1, 0, 0], "events": [2, 0, 0, 1, 0, 0]}  # six days: from 4 on


# Attributes ------------------------------------------------------------------------------------------------


def test_a_value_that_hardly_anybody_had_is_new_and_small_values_are_not() -> None:
    then = {"country": Values({"DE": 600, "FR": 300}, 60, 40)}
    assert loud(compare_attributes(then, then, LIMITS)) == []
    grown = {"country": Values({"DE": 600, "FR": 300, "AT": 22}, 40, 40)}
    assert loud(compare_attributes(then, grown, LIMITS)) == []
    new = {"country": Values({"DE": 600, "FR": 300, "BR": 120}, 60, 40)}
    assert loud(compare_attributes(then, new, LIMITS)) == [("alarm", "attribute", "country BR")]
    mixed = {"country": Values({"DE": 200, "FR": 700}, 60, 40)}
    assert loud(compare_attributes(then, mixed, LIMITS)) == [("alarm", "attribute", "country")]
    assert loud(compare_attributes(then, {}, LIMITS)) == [("notice", "attribute", "country")]


def test_values_are_counted_among_those_who_ordered_lately_and_small_ones_are_not_named() -> None:
    from clm_ml.tables import read_tables
    from tests.conftest import make_config

    people = pd.DataFrame(
        {"customer_id": [f"c{n}" for n in range(60)], "country": ["DE"] * 35 + ["FR"] * 15 + [None] * 10}
    )
    orders = pd.DataFrame({"customer_id": [f"c{n}" for n in range(62)], "ordered_at": "2024-03-01", "amount": 5})
    orders.loc[0, "ordered_at"] = "2023-03-01"
    frames = {"orders": orders, "customers": people}
    prepared = prepare(read_tables(make_config(frames, "2024-04-01"), **frames))
    told = values_of(prepared, ["country"], parse_day("2024-04-01"), 90)
    assert told == {"country": Values({"DE": 34}, 15, 12)}


# Outcomes --------------------------------------------------------------------------------------------------

TRAINING = {"auc": 0.77, "ece": 0.02, "customers": 4000}


def outcome(shift: float = 0.0, slope: float = 1.0, noise: float = 0.0, **then: Any) -> list[Finding]:
    """Draw what came of 4,000 customers, by other probabilities than were said."""
    rng = np.random.default_rng(1)
    odds = rng.normal(-0.5, 1.2, 4000)
    true = 1 / (1 + np.exp(-shift - slope * odds))
    came = (rng.random(4000) < true).astype(int)
    said = 1 / (1 + np.exp(-(odds + noise * rng.normal(size=4000))))
    from clm_ml.evaluation import metrics

    return list(compare_outcomes(came, said, metrics(came, said)["ece"], TRAINING, reference(**then), AS_OF, LIMITS))


def test_what_came_as_it_was_said_is_silent() -> None:
    assert loud(outcome()) == []


def test_a_shifted_base_rate_is_named_as_such_and_nothing_else_is_blamed() -> None:
    assert loud(outcome(shift=-0.8)) == [("alarm", "base_rate", "order rate")]
    assert loud(outcome(shift=0.9)) == [("alarm", "base_rate", "order rate")]


def test_a_rate_that_was_as_far_off_a_year_ago_is_the_season() -> None:
    year_ago = {AS_OF - 364: Came(4000, 1000, 0.4), LEARNED - 90: Came(4000, 1600, 0.4)}
    assert loud(outcome(shift=-0.75, came=year_ago)) == [("notice", "season", "order rate")]
    hidden = outcome(came=year_ago)
    assert loud(hidden) == [("notice", "base_rate", "order rate")]
    assert "a year ago" in hidden[0].words


def test_probabilities_that_are_too_bold_and_an_order_that_is_lost_are_told() -> None:
    assert ("alarm", "calibration", "slope") in loud(outcome(slope=0.5))
    assert ("alarm", "discrimination", "auc") in loud(outcome(noise=2.0))


def test_one_outcome_for_all_is_an_alarm() -> None:
    for came, said in (([0, 0], [0.5, 0.4]), ([], [])):
        told = list(compare_outcomes(came, said, 0.0, TRAINING, reference(), AS_OF, LIMITS))
        assert loud(told) == [("alarm", "base_rate", "order rate")]


# Findings and references -----------------------------------------------------------------------------------


def test_alarms_come_first_and_what_lies_behind_others_before_them() -> None:
    drawn = [
        Finding("feature", "b", "alarm", 1.0, 0.5, ""), Finding("feature", "a", "silent", 0.0, 0.5, ""),
        Finding("table", "c", "alarm", 0.0, 1.0, ""), Finding("feature", "d", "alarm", 2.0, 0.5, ""),
        Finding("rate", "e", "notice", None, None, ""),
    ]  # fmt: skip
    assert [finding.what for finding in in_order(drawn)] == ["c", "d", "b", "e", "a"]
    assert {finding.kind for finding in drawn} <= set(KINDS)


def test_a_reference_is_read_back_as_it_was_written() -> None:
    then = reference(
        features={"orders_ever": spread(d_28=EVEN)},
        came={LEARNED - 90: Came(100, 40, 0.41)},
        segments={LEARNED: {"loyal": 30}},
        attributes={"country": Values({"DE": 30}, 2, 1)},
    )
    assert read_reference(then.facts()) == then
    for broken in ({}, then.facts() | {"as_of": "soon"}, then.facts() | {"arrived": {"lines": 3}}):
        with pytest.raises(ArtifactError, match="none this clm-ml can read"):
            read_reference(broken)


def test_an_alarm_is_not_reached_before_a_notice() -> None:
    with pytest.raises(ValueError, match="psi_notice must not be above psi_alarm"):
        Monitor(psi_notice=0.5)


# The recipes -----------------------------------------------------------------------------------------------


def test_the_recipes_for_schedulers_can_be_read_by_what_they_are_for() -> None:
    page = Path(clm_ml.__file__).parents[1] / "docs" / "monitoring.md"
    if not page.exists():
        pytest.skip("there are no docs beside an installed package")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    by_language = {language: [text for name, text in blocks if name == language] for language, _ in blocks}
    (script,), (dag,) = by_language["sh"], by_language["python"]
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    compile(dag, "dag.py", "exec")
    borders, workflow = map(yaml.safe_load, by_language["yaml"])
    assert Monitor(**{name: tuple(v) if isinstance(v, list) else v for name, v in borders["monitor"].items()})
    assert [step for step in workflow["jobs"]["score"]["steps"] if "clm-ml monitor" in step.get("run", "")]
