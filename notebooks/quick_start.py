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
# # Who is slipping away, and whom to contact first
#
# A year of orders of a British online shop ships with the package. It is 11 September 2011: we learn from what was
# known before that day, say who will not order in the next 90 days, and, since the log goes on for 90 days more,
# see whether it was true.

# %%
import clm_ml as clm

config = clm.load_config(clm.online_retail_config())
tables = clm.read_tables(config)
tables

# %% [markdown]
# Every row read is either used or kept in quarantine with its reason: a quarter of the lines have no customer.
#
# ## Features: what was known before the day
#
# One row per customer. Nothing of the day itself or later is in it, because the snapshot does not hold it.

# %%
today = "2011-09-11"
features = clm.describe(tables, as_of=today, task=config.task)
features

# %% [markdown]
# ## Models: learned at many days, judged on a later one
#
# The model learns from every closed 90-day window, two weeks apart. How good it is was found out by keeping the last
# window from it.

# %%
model = clm.train(tables, config, as_of=today)
model

# %%
import pandas as pd

judged = model.facts["evaluation"]
methods = pd.DataFrame({"model": judged["model"], **judged["baselines"]}).T
methods[["auc", "log_loss", "ece", "top_decile_lift"]].round(3)

# %% [markdown]
# ## Scores: risk, value, segment, and why

# %%
scores = model.score(features)
at_stake = scores.sort_values("value_at_risk", ascending=False)
at_stake[["customer_id", "segment", "churn_probability", "value_at_risk", "reason_1"]].head()

# %%
import matplotlib.pyplot as plt

by_segment = scores.groupby("segment")["value_at_risk"].sum().sort_values()
by_segment.plot.barh(title=f"Value at risk by segment, {config.currency}", figsize=(7, 4))
plt.tight_layout()

# %% [markdown]
# ## Was it true?
#
# Ninety days later the log tells who came back. Each point is a tenth of the customers: on the diagonal, a probability
# means what it says.

# %%
later = clm.read_tables(config)
orders = later.orders.select("customer_id", "day", "is_return").collect("pandas").to_native()
since = (pd.Timestamp(today) - pd.Timestamp("1970-01-01")).days
came = orders[(orders["day"] >= since) & (orders["day"] < since + config.task.horizon_days) & ~orders["is_return"]]
customers = scores[scores["churn_probability"].notna()]
ordered = customers["customer_id"].isin(came["customer_id"]).astype(int)

# %%
from clm_ml.evaluation import metrics, reliability
from clm_ml.plots import plot_gains, plot_reliability

round(metrics(ordered, customers["order_probability"])["auc"], 3)

# %%
plot_reliability(reliability(ordered, customers["order_probability"]))

# %%
silence = customers["days_since_last_order"].astype(float)
plot_gains(1 - ordered, {"model": customers["churn_probability"], "longest silence": silence})

# %% [markdown]
# ## The list: ranked by money, with a control group
#
# Customers of the wanted segments, by expected profit, while the budget lasts. A tenth is held out, in blocks along the
# ranking, so that afterwards we can tell what the contact really earned.

# %%
listed = clm.rank(scores, tables, config, campaign="autumn")
listed

# %%
listed.figure()

# %% [markdown]
# **Where to go next:** [features_and_leakage](features_and_leakage.ipynb) shows why none of this has seen the future;
# [lists_and_budgets](lists_and_budgets.ipynb) spends a budget; the [README](README.md) beside this names them all.
