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
# # Segments, and who moves between them
#
# Where is each customer in the lifecycle, where were they a while ago, and where will they be? Segments are for people who
# plan; so their borders have to stay where they are, or customers would move because others did.

# %%
from pathlib import Path
from tempfile import mkdtemp

import clm_ml as clm

folder = Path(mkdtemp())
config = clm.load_config(clm.online_retail_config())
tables = clm.read_tables(config)
as_of = "2011-09-11"
standing = clm.segment(tables, config, as_of=as_of)
standing

# %% [markdown]
# R asks how lately somebody ordered, F how often; 5 is best. The area of a square is how many people are there, its strips
# are their segments, and the pointer tells how many. Whoever has ordered equally often has the same score, so that scores
# can be empty: where many have ordered once, there is no fifth of them that ordered least.

# %%
standing.figure()

# %% [markdown]
# ## What a segment means
#
# Rules in words, and the borders behind the words. Who is in none, or in two, cannot be: a config that allows it is refused.

# %%
import pandas as pd

pd.options.display.max_colwidth = None
pd.Series(standing.rules, name="who they are").to_frame()

# %%
standing.borders

# %% [markdown]
# ## How everyone got there
#
# The borders are fitted once, at the first day, and kept. So an area grows because customers did something, and not because
# the ruler was bent. (The log begins in December 2010; whoever orders for the first time in it looks new.)

# %%
from clm_ml.pipeline import segment_files
from clm_ml.plots import segment_colours

segment_files(config, [as_of], every=14, history=folder / "history.parquet")
history = pd.read_parquet(folder / "history.parquet")
sizes = history.groupby(["as_of", "segment"]).size().unstack(fill_value=0)
phases = standing.lifecycle.rules.phases
sizes = sizes.reindex(columns=[name for name in phases if name in sizes])
colours = segment_colours(phases)

# %%
import matplotlib.pyplot as plt

axes = sizes.plot.area(figsize=(8, 4.5), linewidth=0, color=[colours[name] for name in sizes])
axes.set(title="Customers by segment, borders kept", xlabel="", ylabel="Customers")
axes.tick_params(axis="x", rotation=30)
axes.legend(*(reversed(part) for part in axes.get_legend_handles_labels()), frameon=False, bbox_to_anchor=(1, 1))
plt.tight_layout()

# %% [markdown]
# ## Who moved, and who will
#
# A model learned by that day says where everyone will be when the next 90 days are over. It is learned from few days here,
# to be quick; leave `train` as it is for your own shop. From here on the borders are the model's, fitted on all days that
# it learned from, so the sizes differ a little from those above.

# %%
quick = config.model_copy(update={"train": config.train.model_copy(update={"step_days": 28, "most_as_ofs": 3})})
model = clm.train(tables, quick, as_of=as_of)
moved = clm.transitions(tables, config, as_of=as_of, model=model, about_to="cannot_lose")
moved.figure()

# %% [markdown]
# Read a ribbon from left to right: its colour is where they came from. What stays in its segment is faint. The right-hand
# part is expected, not seen: it adds up probabilities, so it has no whole customers.
#
# ## How large each segment will be
#
# The forecast adds newcomers, and its interval holds chance and what past windows were off by. With few windows it is wide,
# and that is honest.

# %%
moved.forecast.round(0)

# %% [markdown]
# ## Was it true?
#
# The log goes on, so we can look, with the model's borders again. Of intervals at 80 % some miss; and if one autumn is
# better than all that went before, several miss to the same side.

# %%
then = clm.segment(tables, config, as_of=moved.until, model=model).table.set_index("segment")["customers"]
forecast = moved.forecast.set_index("segment")
figure, axes = plt.subplots(figsize=(7, 4.5))
places = range(len(forecast))
axes.hlines(
    places,
    forecast["lowest_customers"],
    forecast["highest_customers"],
    color="#1f5fa8",
    linewidth=3,
    label="forecast, 80 %",
)
axes.scatter(then.reindex(forecast.index), places, color="#d1762f", zorder=3, label="then")
axes.set_yticks(places, forecast.index)
axes.invert_yaxis()
axes.set(title=f"Size of each segment on {moved.until}", xlabel="Customers")
axes.legend(frameon=False)
plt.tight_layout()

# %% [markdown]
# ## Who is about to be lost
#
# Good customers who still count as fine, and are likelier to be in `cannot_lose` in 90 days than anywhere else. The
# playbook says what to do with them; to write to them, export a campaign.

# %%
moved.about_to.head()

# %%
plays = pd.DataFrame(clm.playbook(config).values()).set_index("segment")
plays.assign(first_play=plays["plays"].str[0]).loc[["cannot_lose", "at_risk"], ["goal", "first_play", "channel"]]

# %% [markdown]
# **Where to go next:** [lists_and_budgets](lists_and_budgets.ipynb) makes a list of them. Segments of your own are
# `segments.rules` in the YAML; `clm.kpis(tables, config)` tells how each stage is doing.
