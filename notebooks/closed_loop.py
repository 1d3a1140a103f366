# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Four campaigns, and whom they moved
#
# A marketer's spring and summer in a shop whose truth is known: score, export, send, let time pass, measure, learn whom a
# contact moves, and export again. In the end the truth tells whether the lists became better.

# %%
from datetime import date, timedelta
from pathlib import Path

import clm_ml as clm

shop = Path("shop")
rows = clm.simulate(6_000, seed=7, out=shop, force=True)
rows["orders"]

# %% [markdown]
# The project: everyone at risk is written an e-mail that costs 20 cents, and three in ten are held out, since we want to
# learn from it.

# %%
import yaml

project = yaml.safe_load((shop / "shop.yaml").read_text())
project["task"] = {"horizon_days": 30}
project["train"] = {"most_as_ofs": 4}  # enough to place people in segments, which is what these lists go by
project["list"] |= {
    "segments": ["cannot_lose", "at_risk", "falling_asleep"],
    "budget": 400.0,
    "contact_cost": 0.2,
    "holdout_share": 0.3,
    "min_gap_days": 28,
    "max_contacts": {"n": 9, "days": 90},
}
project["playbook"] = {"cannot_lose": {"channel": "email", "contact_cost": 0.2}}
(shop / "loop.yaml").write_text(yaml.safe_dump(project))
config = clm.load_config(shop / "loop.yaml")

# %%
trained = clm.train_box(config, as_of="2025-04-01", folder=shop / "model", force=True)

# %% [markdown]
# ## Four months
#
# The offer is a strong one, five times what this shop's own campaigns did. `add_answers` is the time that passes: those who were
# contacted, and only they, answer with their own true effect.

# %%
import pandas as pd

from clm_ml.datasets.answering import add_answers, true_effects

months = [date(2025, 4, 1), date(2025, 5, 2), date(2025, 6, 2), date(2025, 7, 3)]
told = []
for sent_on in months:
    name = f"{sent_on:%B}".lower()
    clm.score(config, shop / f"scores-{name}", as_of=sent_on.isoformat(), model=str(shop / "model"), reasons=0)
    listed = clm.export(config, shop / f"scores-{name}", name, shop / f"list-{name}").listed
    truth = true_effects(shop, sent_on, times=5)
    effect = truth["effect"].reindex(listed.contact["customer_id"]).sum()
    add_answers(shop, listed.contact["customer_id"], sent_on, seed=1, times=5)
    closed = sent_on + timedelta(days=30)
    measured = clm.measure_campaigns(config, [name], as_of=closed.isoformat()).campaigns[0].total
    found = measured.buyers
    effect *= 1 - measured.holdout.rate  # whoever orders anyway is no more a buyer for a second order
    told.append(
        {
            "campaign": name,
            "contacted": len(listed.contact),
            "true": effect,
            "measured": found.value,
            "low": found.low,
            "high": found.high,
        }
    )
campaigns = pd.DataFrame(told).set_index("campaign")
campaigns.round(1)

# %% [markdown]
# What was measured agrees with the truth within its intervals: a campaign's own log is enough, nobody has to be asked.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 3.5))
places = range(len(campaigns))
axes.vlines(places, campaigns["low"], campaigns["high"], color="#1f5fa8", linewidth=3, label="measured, 95 %")
axes.scatter(places, campaigns["true"], color="#d1762f", zorder=3, label="true")
axes.set_xticks(places, campaigns.index)
axes.set_ylabel("More buyers")
axes.legend()
plt.tight_layout()

# %%
within = (campaigns["low"] <= campaigns["true"]) & (campaigns["true"] <= campaigns["high"])
assert within.sum() >= 3, campaigns  # of four intervals at 95 % one may miss

# %% [markdown]
# ## Whom a contact moves
#
# All four campaigns teach it. The gate asks whether those it was not learned from are put in a better order than by chance.

# %%
learned = clm.learn_from_campaigns(config, as_of="2025-08-02", out=shop / "uplift", force=True)
learned

# %%
assert learned.uplift.gate.passed, learned.uplift.lines()

# %% [markdown]
# ## The next list, twice
#
# The same day, the same budget, enough for 400 e-mails: ranked by what those campaigns brought back (the measured save rate, and each
# customer's own answers), and by what is proved of each. The truth says what each would earn.

# %%
august = date(2025, 8, 3)
clm.score(config, shop / "scores-august", as_of=august.isoformat(), model=str(shop / "model"), reasons="all")
scores = pd.read_parquet(shop / "scores-august" / "scores.parquet")
tables = clm.read_tables(config)
fewer = config.model_copy(update={"list": config.list.model_copy(update={"budget": 80.0})})
truth = true_effects(shop, august, times=5)
earned = {}
for box in (None, shop / "uplift"):
    listed = clm.rank(scores, tables, fewer, "august", uplift=box)
    people = pd.concat([listed.contact, listed.holdout])
    theirs = truth.reindex(people["customer_id"])
    profit = (theirs["effect"] * theirs["order_amount"]).sum() * config.list.margin - 0.2 * len(people)
    earned[people["ranked_by"].iloc[0]] = {"listed": len(people), "true profit": profit}
by = pd.DataFrame(earned).T
by.round(0)

# %%
assert by["true profit"].iloc[1] > by["true profit"].iloc[0], by

# %% [markdown]
# **Where to go next:** [nightly_with_mlflow](nightly_with_mlflow.ipynb) lets a scheduler do this; with lists of your own shop,
# `clm-ml measure` and `clm-ml uplift` are the two verbs.
