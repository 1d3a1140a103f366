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
# # A backtest against baselines
#
# A model should be judged as it will be used: it learns from what was known before a day, and is asked about what came
# after it. Doing so at several days tells whether it was luck. And it should be judged beside simple rules, since a model
# that does not beat "who was silent longest" is not worth running each night.

# %%
from pathlib import Path
from tempfile import mkdtemp

import clm_ml as clm

folder = Path(mkdtemp())
shop = clm.load_config(clm.online_retail_config())
config = shop.model_copy(
    update={
        "task": shop.task.model_copy(update={"horizon_days": 60}),
        "train": shop.train.model_copy(update={"step_days": 28, "most_as_ofs": 4}),
        "tracking": shop.tracking.model_copy(update={"uri": f"sqlite:///{folder}/mlflow.db"}),
    }
)

# %% [markdown]
# A year of orders holds few windows of 90 days, so we look 60 days ahead here, at two days two months apart. At each the
# model is learned anew, from nothing but what was known before that day; to be quick, from few days of the past. Without
# days of ours the backtest chooses up to four by itself.

# %%
found = clm.backtest(config, ["2011-08-12", "2011-10-11"], folder / "backtest")
found

# %% [markdown]
# Four rules anyone could use instead stand beside the model: the mean rate for everybody, the time since the last order,
# a logistic regression on recency, frequency and money, and BG/NBD, the classic model of customers who leave unseen.
#
# - **AUC**: how often of two customers the right one is called riskier. It asks for order alone.
# - **log loss**, **Brier**: how far off the probabilities are; less is better.
# - **ECE**: by how much a stated probability misses what then happened, in the mean.
# - **top-decile lift**: how many more churners than by chance are in the riskiest tenth.
#
# ## Better, or lucky?
#
# The same customers are judged by all, so what counts is the difference, with an interval: customers are drawn again and
# again, each with all their rows. What is clear of zero is in colour.

# %%
found.plots["differences.png"]

# %% [markdown]
# ## Order: how many churners does a short list find?

# %%
found.plots["gains.png"]

# %% [markdown]
# ## Level: does a probability mean what it says?
#
# Money is reckoned with probabilities, so their level matters as much as their order. Each point is a tenth of the
# customers. Points above the line: more churned than was said. A shop that grows, or has a season ahead, is apt to have all
# its points on one side.

# %%
found.plots["reliability.png"]

# %% [markdown]
# ## Money: what would a list have earned?
#
# What a contact saves is assumed here (`list.assumed_save_rate`), and it scales all lines alike. Their order and where
# each is highest are what to look at: from there on, one more contact costs more than it brings.

# %%
found.plots["profit.png"]

# %% [markdown]
# ## Every prediction is there
#
# Each customer at each day, with what was said and what came. So any question of your own is a `groupby` away: here,
# whether the model is right in each segment, and on each day.

# %%
said = found.predictions()
by = said.groupby(["as_of", "segment"]).agg(
    customers=("churned", "size"), churned=("churned", "mean"), predicted=("churn_probability_model", "mean")
)
by.round(2)

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(5, 5))
for day, rows in by[by["customers"] >= 30].groupby("as_of"):
    axes.scatter(rows["predicted"], rows["churned"], s=rows["customers"] / 5, alpha=0.7, label=str(day))
axes.plot([0, 1], [0, 1], color="#8a8f98", linestyle="--", linewidth=1)
axes.set(
    title="Segments: predicted and happened", xlabel="Predicted churn probability, mean", ylabel="Share that churned"
)
axes.legend(frameon=False)
plt.tight_layout()

# %% [markdown]
# ## If it does not win
#
# `train` has the same gate: a model that does not beat every baseline on the last closed window becomes `challenger`, not
# `champion`, and the run says why. Then look for more history, for events besides orders, or for a horizon that fits the
# rhythm of the shop. A short log is an honest reason, too.
#
# **Where to go next:** [nightly_with_mlflow](nightly_with_mlflow.ipynb) runs the champion every night;
# [lists_and_budgets](lists_and_budgets.ipynb) spends a budget on its scores.
