"""What does a list truly earn?  Asked of simulated shops, of which each customer's true effect is known.

    python benchmarks/lists.py [--customers 20000] [--seeds 1 2 3 4] [--kept FOLDER]

Prints the table that is kept in README.md: at equal budget the list of clm-ml beside simpler ones, beside the usual
learners of effects from the same past campaigns, and beside trees that have learned true profit itself, from the shop
of the next seed: no method but these sees a truth, and these see another shop's. What lies in `--kept` is not learned
again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from campaigns import table
from pandas.api.types import is_numeric_dtype

from clm_ml.campaign import HOLDOUT, open_ledger
from clm_ml.config import Config, PlayPlan, load_config
from clm_ml.datasets import simulate
from clm_ml.datasets.truth import TRUTH
from clm_ml.errors import CampaignError
from clm_ml.examples import collect_examples, training_as_ofs
from clm_ml.features import build_features
from clm_ml.lifecycle import playbook
from clm_ml.model import learn
from clm_ml.pipeline.assigned import find_assigned
from clm_ml.pipeline.outcomes import collect_outcomes
from clm_ml.pipeline.permission import find_consent
from clm_ml.pipeline.reading import find_reading
from clm_ml.pipeline.saved import find_saved
from clm_ml.ranking import Effects, Permits, find_refusals, rank_customers
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import Tables, read_tables

BUDGETS = (200.0, 500.0, 1000.0)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--customers", type=int, default=20_000)
    asked.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    asked.add_argument("--kept", type=Path, help="where the shops, their features and scores are kept")
    told = asked.parse_args()
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        shops = [Shop(told.kept or Path(folder), told.customers, seed) for seed in told.seeds]
        earned = [judge(shop, shops[(place + 1) % len(shops)]) for place, shop in enumerate(shops)]
    print(table(list(rows(earned))), "\n")
    print(f"{len(shops)} shops of {told.customers:,}; {time.process_time() - begun:,.0f} CPU seconds")


class Shop:
    """A shop at the end of its log: everybody's features, scores and true profit of a contact, a row a customer."""

    def __init__(self, folder: Path, customers: int, seed: int) -> None:
        home, kept = folder / f"shop-{customers}-{seed}", folder / f"shop-{customers}-{seed}.parquet"
        if not (home / "shop.yaml").exists():
            simulate(customers, seed, home)
        self.config = by_email(load_config(home / "shop.yaml"))
        tables = read_tables(self.config)
        self.consent = find_consent(tables)
        self.reading = find_reading(tables, tables.complete_until, self.config.list.read_days)
        with open_ledger(self.config.path(self.config.list.ledger), only_look=True) as ledger:
            self.saved = find_saved(tables, tables.complete_until, self.config, ledger)
        self.past = past_campaigns(tables, self.config)
        if not kept.exists():
            describe_and_score(tables, self.config).to_parquet(kept)
        people = pd.read_parquet(kept)
        tables.engine.close()
        people["true_profit"] = true_profit(people, home, self.config)
        told = find_refusals(people, self.config.list, Permits(consent=self.consent), plays=playbook(self.config))
        may_be = ~told[["no consent", "objects to profiling", "no consent to the channel", "never ordered"]].any(axis=1)
        self.people = people[may_be].reset_index(drop=True)


def by_email(config: Config) -> Config:
    """Say what this shop does: it contacts by e-mail alone, as its table of contacts shows."""
    return config.model_copy(update={"playbook": {"cannot_lose": PlayPlan(channel="email")}})


def describe_and_score(tables: Tables, config: Config) -> pd.DataFrame:
    """Learn what `train` would have learned, and score everybody."""
    prepared, day = prepare(tables), tables.complete_until
    as_ofs = training_as_ofs(config, tables.first_day, day)
    model = learn(collect_examples(prepared, config, as_ofs, day, with_open=True), config, tables.inputs)
    described = build_features(take_snapshot(prepared, day), model.task)
    features = tables.engine.collect(described, "customer_id").to_pandas()
    scores = model.score(features, reasons=False).drop(columns=["as_of"])
    known = features.drop(columns=["as_of", *(name for name in features if name in scores and name != "customer_id")])
    dates = [name for name in scores if name.startswith("next_order")]
    return scores.drop(columns=dates).merge(known, on="customer_id")


def past_campaigns(tables: Tables, config: Config) -> pd.DataFrame:
    """Describe everyone in past campaigns as of their first day: features, whether contacted, and ordered."""
    day, prepared, parts = tables.complete_until, prepare(tables), []
    names = tables.engine.collect(tables.contacts.select("campaign").unique(), "campaign")["campaign"].to_pylist()
    for each in find_assigned(names, tables, config, in_contacts=True):
        first = int(each.customers["start_day"].min())
        if first + config.task.horizon_days > day:
            continue
        came = collect_outcomes(each.customers, tables, config, day)
        wanted = tables.engine.keep(tables.engine.given(came[["customer_id"]]))
        features = build_features(take_snapshot(prepared, first, wanted), config.task)
        rows = tables.engine.collect(features, "customer_id").to_pandas()
        told = came.assign(sent=came["arm"].ne(HOLDOUT).astype(int))
        parts.append(told[["customer_id", "sent", "ordered"]].merge(rows))
    return pd.concat(parts, ignore_index=True)


def learners(shop: Shop) -> dict[str, pd.Series]:
    """Give each customer's effect as the usual learners would have it, from the shop's own campaigns, with no gate."""
    past, people = shop.past, shop.people
    known = [name for name in past if is_numeric_dtype(past[name]) and name in people]
    then, now, came = past[known].astype(float), people[known].astype(float), past["ordered"].astype(int)
    sent = past["sent"].astype(bool)
    share = float(sent.mean())

    def chance(rows: pd.DataFrame, target: pd.Series) -> lgb.LGBMClassifier:
        return lgb.LGBMClassifier(**TREES).fit(rows, target)

    def said(model: lgb.LGBMClassifier, rows: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(rows)[:, 1]

    single = chance(then.assign(sent=past["sent"]), came)
    with_it, without = chance(then[sent], came[sent]), chance(then[~sent], came[~sent])
    gained = lgb.LGBMRegressor(**TREES).fit(then[sent], came[sent] - said(without, then[sent]))
    missed = lgb.LGBMRegressor(**TREES).fit(then[~sent], said(with_it, then[~sent]) - came[~sent])
    return {
        "S-learner": pd.Series(said(single, now.assign(sent=1)) - said(single, now.assign(sent=0))),
        "T-learner": pd.Series(said(with_it, now) - said(without, now)),
        "X-learner": pd.Series((1 - share) * gained.predict(now) + share * missed.predict(now)),
    }


def true_profit(people: pd.DataFrame, home: Path, config: Config) -> pd.Series:
    """Give the expected profit of a contact: the truth's effect on whoever is silent long enough, on one order."""
    truth = pd.read_parquet(home / "truth.parquet").set_index("customer_id")
    lines = pd.read_parquet(home / "orders.parquet", columns=["customer_id", "order_id", "amount", "is_return"])
    sold = lines[~lines["is_return"]]
    orders = sold.groupby("order_id").agg(customer=("customer_id", "first"), amount=("amount", "sum"))
    of_level_1 = (orders["amount"] / orders["customer"].map(truth["price_level"])).mean()
    worth = of_level_1 * lines["amount"].sum() / sold["amount"].sum()  # what stays after returns
    theirs = truth.reindex(people["customer_id"]).reset_index(drop=True)
    is_lapsed = people["days_since_last_order"].astype(np.float64).ge(TRUTH.lapsed_days)
    effect = theirs["persuadable_effect"].where(is_lapsed, 0.0)
    return effect * config.list.margin * worth * theirs["price_level"] - config.list.contact_cost


def judge(shop: Shop, other: Shop) -> dict[tuple[str, float], tuple[int, float]]:
    """Give how many each method contacts at each budget, and what they truly earn."""
    people, plan = shop.people, shop.config.list
    wanted = people["segment"].isin(plan.segments)
    low = people["segment"].isin(plan.segments)
    scores: dict[str, pd.Series] = {
        "random": pd.Series(np.random.default_rng(1).random(len(people))).where(wanted, -1.0),
        "recency: longest silent": people["days_since_last_order"].astype(float),
        "recency: lately lapsed": -people["days_since_last_order"].astype(float).where(wanted),
        "risk alone": people["churn_probability"],
        "RFM cells": (people["f_score"] + people["m_score"] - people["r_score"]).astype(float).where(low)
        + people["amount_ever"].rank(pct=True),
        "who will buy": people["order_probability"],
        "risk × value": (people["churn_probability"] * people["expected_value_if_ordering"]).where(wanted),
    }
    amount = people["expected_order_amount"].astype(float).fillna(people["expected_value_if_ordering"].astype(float))
    by_effect = {name: effect * plan.margin * amount - plan.contact_cost for name, effect in learners(shop).items()}
    earned = {}
    for budget in BUDGETS:
        size = int(budget / plan.contact_cost)
        for name, score in scores.items():
            earned[name, budget] = taken(people, score, size)
        for name, known in OURS.items():
            earned[name, budget] = listed(shop, budget, known)
        for name, profit in by_effect.items():
            earned[f"{name}, from this shop's campaigns", budget] = taken(people, profit, size, 0.0)
        earned["learned from another shop's truth", budget] = taken(people, learned(people, other.people), size, 0.0)
        earned["perfect knowledge", budget] = taken(people, people["true_profit"], size, 0.0)
    return earned


#: How the learners of effects grow, whose examples are few.
TREES = {
    "n_estimators": 100, "num_leaves": 7, "learning_rate": 0.05, "min_child_samples": 60, "subsample": 0.7,
    "subsample_freq": 1, "colsample_bytree": 0.5, "random_state": 1, "n_jobs": 1, "verbose": -1,
}  # fmt: skip

#: The list as it comes; by what is assumed, with a key of the shop's own or without; and without who reads e-mails.
OURS = {
    "**clm-ml**": ("saved", "reading"),
    "clm-ml, the save rate assumed": ("reading",),
    "clm-ml, the save rate assumed, `silent_days: 90`, as this shop calls lapsed": ("reading", "silent"),
    "clm-ml, the save rate assumed, as if all read alike": (),
}


def listed(shop: Shop, budget: float, known: Sequence[str]) -> tuple[int, float]:
    keys = {"silent_days": TRUTH.lapsed_days} if "silent" in known else {}
    plan = shop.config.list.model_copy(update={"budget": budget, **keys})
    reading = shop.reading if "reading" in known else None
    rates = shop.saved.rates if "saved" in known else None
    effects, plays, permits = Effects(reading, rates), playbook(shop.config), Permits(consent=shop.consent)
    try:
        ranked = rank_customers(shop.people, plan, permits, plays=plays, effects=effects).customers
    except CampaignError:
        return 0, 0.0
    truth = shop.people.set_index("customer_id")["true_profit"]
    return len(ranked), float(truth[ranked["customer_id"]].sum())


def taken(people: pd.DataFrame, score: pd.Series, size: int, above: float | None = None) -> tuple[int, float]:
    """Contact the best by a score, as many as the budget pays for; those above a threshold alone, if there is one."""
    best = score.astype(float).nlargest(size)
    best = best if above is None else best[best > above]
    return len(best), float(people.loc[best.index, "true_profit"].sum())


def learned(people: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Learn another shop's true profit from all features and scores there are; the mean of three LightGBMs."""
    known = [name for name in people if is_numeric_dtype(people[name]) and name != "true_profit"]
    said = [
        lgb.LGBMRegressor(
            n_estimators=trees, num_leaves=leaves, learning_rate=0.05, min_child_samples=60, subsample=0.7,
            subsample_freq=1, colsample_bytree=0.5, random_state=seed, n_jobs=1, verbose=-1,
        ).fit(other[known].astype(float), other["true_profit"]).predict(people[known].astype(float))
        for trees, leaves, seed in ((150, 15, 1), (150, 15, 2), (100, 7, 3))
    ]  # fmt: skip
    return pd.Series(np.mean(said, axis=0), people.index)


def rows(earned: list[dict[tuple[str, float], tuple[int, float]]]) -> list[dict]:
    """Lay out the mean over shops, and each shop at the middle budget."""
    names = list(dict.fromkeys(name for name, _ in earned[0]))
    told = []
    for name in names:
        row = {"contacted are": name}
        for budget in BUDGETS:
            sizes, profits = zip(*(shop[name, budget] for shop in earned), strict=True)
            row[f"{budget:,.0f}: contacts"] = f"{np.mean(sizes):,.0f}"
            row[f"{budget:,.0f}: true profit"] = f"{np.mean(profits):+,.0f}"
        row["500: shop by shop"] = ", ".join(f"{shop[name, 500.0][1]:+,.0f}" for shop in earned)
        told.append(row)
    return told


if __name__ == "__main__":
    main()
