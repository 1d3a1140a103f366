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
# # What was known, and when
#
# Most churn models that look marvellous and then fail have seen the future: some feature was computed from rows that came
# later than the day it speaks of. This notebook looks at one customer, on purpose makes that mistake, and shows why it
# cannot be made by accident here.

# %%
import clm_ml as clm

config = clm.load_config(clm.online_retail_config())
tables = clm.read_tables(config)
tables

# %% [markdown]
# ## One customer, one day
#
# An `as_of` is the first instant of a day. What lies before it is known, what lies from it on is outcome. Left of the line
# is all that a model may be told; whether there is a bar within the shaded 90 days is what it has to guess.

# %%
import matplotlib.pyplot as plt
import pandas as pd

who, as_of = "12583", pd.Timestamp("2011-09-11")
lines = tables.orders.collect("pandas").to_native()
lines["day"] = pd.to_datetime(lines["day"], unit="D")
theirs = lines[(lines["customer_id"] == who) & ~lines["is_return"]].groupby("day")["amount_minor"].sum() / 100

figure, axes = plt.subplots(figsize=(8, 3))
axes.bar(theirs.index, theirs, width=3, color="#1f5fa8")
axes.axvline(as_of, color="#d1762f")
axes.axvspan(as_of, as_of + pd.Timedelta(days=90), color="#d1762f", alpha=0.12)
axes.set(title=f"Customer {who}: known before the line, to be guessed after it", ylabel=f"Ordered, {config.currency}")
plt.tight_layout()

# %% [markdown]
# ## Features: the same customer on three days
#
# A feature's name is its specification: what, unit, window. The same column says something else on each day, and none of
# these numbers has to be computed again when later rows arrive.

# %%
days = ["2011-03-01", "2011-06-13", "2011-09-11"]
described = {day: clm.describe(tables, as_of=day, task=config.task).to_pandas() for day in days}
three = pd.concat([rows[rows["customer_id"] == who].assign(as_of=day) for day, rows in described.items()])
columns = ["days_since_last_order", "orders_ever", "orders_last_30d", "orders_last_90d", "amount_ever", "mean_gap_days"]
three.set_index("as_of")[columns].T.round(1)

# %% [markdown]
# Every feature has its meaning in words, and the theme under which a reason speaks of it.

# %%
from clm_ml.features import catalogue

pd.options.display.max_colwidth = None
told = [{"theme": f.theme, "feature": f.name, "meaning": f.meaning} for f in catalogue(config.task) if f.learned]
pd.DataFrame(told).groupby("theme").head(3).set_index(["theme", "feature"]).sort_index()

# %% [markdown]
# ## The edge belongs to one side
#
# What if an order falls on the `as_of` itself? It is outcome, not knowledge. The day after, it is known. Were it counted
# on both sides, the model would be told some of the answers.

# %%
order_day = theirs.index[theirs.index < as_of][-1]
on_the_day = clm.describe(tables, as_of=order_day.date(), task=config.task).to_pandas()
the_day_after = clm.describe(tables, as_of=(order_day + pd.Timedelta(days=1)).date(), task=config.task).to_pandas()
both = [rows.set_index("customer_id") for rows in (on_the_day, the_day_after)]
edge = [rows.loc[who, ["orders_ever", "days_since_last_order"]] for rows in both]
pd.DataFrame(edge, index=["as of the day of an order", "as of the day after"]).astype(int)

# %% [markdown]
# ## The mistake, on purpose
#
# Count each customer's orders in the whole log, as a plain `GROUP BY` would, and call it a feature of 11 September. It
# holds the very orders that it is to predict. The honest count stops the day before.

# %%
is_order = ~lines["is_return"]
ahead = (lines["day"] >= as_of) & (lines["day"] < as_of + pd.Timedelta(days=90)) & is_order
known = described["2011-09-11"]
known = known[known["orders_ever"] > 0]
ordered = known["customer_id"].isin(lines.loc[ahead, "customer_id"]).astype(int)
whole_log = lines[is_order].groupby("customer_id")["order_id"].nunique()
leaking, honest = known["customer_id"].map(whole_log), known["orders_ever"]

# %%
from clm_ml.plots import plot_gains

plot_gains(1 - ordered, {"counted over the whole log": -leaking, "counted before the day": -honest})

# %% [markdown]
# The upper line is not a better model. It would find as many churners only if it could read tomorrow's orders today.
# Mistakes like this one are seldom so plain: a median filled in over the whole table, a segment computed last night, a
# customer table that is overwritten in place.

# %%
from sklearn.metrics import roc_auc_score

counts = {"counted over the whole log": leaking, "counted before the day": honest}
auc = {name: roc_auc_score(ordered, count) for name, count in counts.items()}
assert auc["counted over the whole log"] > auc["counted before the day"]
pd.Series(auc, name="AUC").round(3)

# %% [markdown]
# ## Throw the future away: nothing changes
#
# The proof that features know nothing of the future is to take it away. Here the log ends the evening before the `as_of`,
# and the features are the same in every cell. The project's tests do this for all features, and poison the future too.

# %%
raw = pd.read_parquet(clm.online_retail_path())
only_past = clm.read_tables(config, orders=raw[raw["InvoiceDate"] < as_of])
without_future = clm.describe(only_past, as_of="2011-09-11", task=config.task).to_pandas()
pd.testing.assert_frame_equal(described["2011-09-11"], without_future)
f"{without_future.size:,} cells, all the same"

# %% [markdown]
# ## What is still yours to watch
#
# - Rows that arrive late: map `loaded_at`, and a row is known only once it was loaded.
# - Columns of the customer table are overwritten in place, so they are learned from only if `train.attributes` names them.
# - `clm-ml train` warns of an AUC that is too good for an order log.
#
# **Where to go next:** [horizon_and_lapse](horizon_and_lapse.ipynb) chooses what is predicted, and
# [backtest](backtest.ipynb) judges it forward in time.
