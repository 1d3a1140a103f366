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
# # Choosing a horizon, and when silence counts
#
# Two numbers are yours to choose before anything is learned. The **horizon**: churned means no order within so many days.
# And **lapse**: after how long a silence somebody counts as having stopped. Both should follow from how your customers
# order, and not from habit ("90 days, as always").

# %%
import clm_ml as clm

config = clm.load_config(clm.online_retail_config())
checked = clm.check(config)
checked

# %% [markdown]
# ## How long do customers pause?
#
# Look at the gaps between one order day of a customer and the next. A horizon within which few gaps end calls customers
# churned who are only between two orders. One that is far beyond nearly all gaps says little, and says it late: nobody
# knows whether it was right before it is over.

# %%
from clm_ml.plots import plot_gaps

tables = clm.read_tables(config)
lines = tables.orders.collect("pandas").to_native()
order_days = (
    lines.loc[~lines["is_return"], ["customer_id", "day"]].drop_duplicates().sort_values(["customer_id", "day"])
)
gap_days = order_days.groupby("customer_id")["day"].diff()
plot_gaps(gap_days, config.task.horizon_days)

# %% [markdown]
# Gaps are only half the story: who has left leaves no gap behind, and customers who came late had no time for long ones.
# So take the figure as a floor.
#
# ## What each horizon would ask
#
# For each horizon: how many of the active customers would have churned, and how well their silence alone tells who. Both
# are asked at the same day, one whose windows have all closed.

# %%
import pandas as pd
from sklearn.metrics import roc_auc_score

as_of = pd.Timestamp("2011-06-13")
since = (as_of - pd.Timestamp("1970-01-01")).days
features = clm.describe(tables, as_of=as_of.date(), task=config.task).to_pandas()
active = features[features["days_since_last_order"] <= config.task.active_days]
first_day, last_day = order_days["day"].min(), tables.complete_until
asked = []
for horizon in (14, 30, 60, 90, 120, 180):
    came = order_days[(order_days["day"] >= since) & (order_days["day"] < since + horizon)]
    churned = ~active["customer_id"].isin(came["customer_id"])
    asked.append(
        {
            "horizon_days": horizon,
            "churned_share": churned.mean(),
            "auc_of_silence": roc_auc_score(churned, active["days_since_last_order"]),
            "days_left_to_learn_from": last_day - first_day - config.train.at_least_history_days - horizon,
        }
    )
horizons = pd.DataFrame(asked).set_index("horizon_days")
horizons.round(3)

# %%
import matplotlib.pyplot as plt

axes = horizons["churned_share"].plot(marker="o", color="#1f5fa8", figsize=(6, 3.5), ylim=(0, 1), grid=True)
axes.set(title="A short horizon calls nearly everybody churned", xlabel="Horizon, days", ylabel="Share that churned")
axes.yaxis.set_major_formatter("{x:.0%}")
plt.tight_layout()

# %% [markdown]
# A long horizon eats the log: each as_of to learn from needs a whole window behind it, so a year of orders holds few
# independent ones. `check` proposes a horizon that covers most gaps and still leaves windows to learn from; take another
# where the business has a rhythm of its own, such as a season or a contract.
#
# ## Lapse: each customer has a rhythm of their own
#
# Forty days of silence mean little of somebody who orders each quarter, and a lot of somebody who orders each week. So
# silence is counted in a customer's own expected gaps: their mean gap, drawn towards everybody's where little is known.
# Whoever has ordered once has no gap yet, so they get everybody's: they are the upright line in the figure.

# %%
from clm_ml.features import against_habit, fit_rhythm

rhythm = fit_rhythm(features["gaps_ever"], features["gap_days_sum"], features["gap_days_square_sum"])
habits = against_habit(features, rhythm, config.lapse).dropna(subset=["overdue_ratio"])
edges = [0, config.lapse.after_gaps, config.lapse.gone_after_gaps, float("inf")]
habits["state"] = pd.cut(habits["overdue_ratio"], edges, right=False, labels=["active", "lapsed", "gone"])
colours = {"active": "#1f5fa8", "lapsed": "#d1762f", "gone": "#b3261e"}

figure, axes = plt.subplots(figsize=(7, 4.5))
for name, color in colours.items():
    rows = habits[habits["state"] == name]
    axes.scatter(
        rows["expected_gap_days"], rows["days_since_last_order"], s=6, color=color, label=f"{name}: {len(rows):,}"
    )
axes.set(
    title="The same silence, another meaning", xlabel="Expected days between orders", ylabel="Days since the last order"
)
axes.set(ylim=(0, None))
axes.legend(frameon=False, markerscale=3)
plt.tight_layout()

# %% [markdown]
# ## What each threshold would cost
#
# A good threshold calls many customers lapsed, and few of the orders that then came were theirs. `check` asked this of the
# last closed horizon. Where the orange line is steep, a higher threshold saves you from chasing customers who come by
# themselves; where it is flat, waiting longer only wastes time.

# %%
from clm_ml.plots import plot_lapse

plot_lapse(checked.lapse, config.lapse.after_gaps)

# %% [markdown]
# ## What changes if you choose otherwise
#
# The thresholds decide who is in the reactivation segments, and so whom a list is for. Change them in the YAML
# (`lapse.after_gaps`), or try it here first.

# %%
lapse = config.lapse.model_copy(update={"after_gaps": 3.0, "gone_after_gaps": 6.0})
patient = config.model_copy(update={"lapse": lapse})
sizes = {
    f"lapsed after {shop.lapse.after_gaps:g} gaps": clm.segment(tables, shop).table.set_index("segment")["customers"]
    for shop in (config, patient)
}
axes = pd.DataFrame(sizes).iloc[::-1].plot.barh(figsize=(7, 4.5), color=["#1f5fa8", "#d1762f"], width=0.8)
axes.set(title="Patience moves customers out of reactivation", xlabel="Customers", ylabel="")
plt.tight_layout()

# %% [markdown]
# **Where to go next:** [backtest](backtest.ipynb) shows how well the horizon you chose can be predicted;
# [segments_and_transitions](segments_and_transitions.ipynb) what the thresholds do to segments over time.
