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
# # Lists and budgets
#
# A model gives everybody a score. A campaign has money for some. Whom to contact is a question about profit: how likely is
# it that a contact brings an order, what is that order worth, and what does the contact cost? And a list is only worth
# sending if it can be known afterwards what it did.

# %%
import clm_ml as clm

clm.simulate(2_000, seed=5, out="shop", force=True)
shop = clm.load_config("shop/shop.yaml")
config = shop.model_copy(
    update={
        "train": shop.train.model_copy(update={"step_days": 56, "most_as_ofs": 3}),
        "list": shop.list.model_copy(update={"contact_cost": 0.25, "budget": 50.0}),
    }
)
tables = clm.read_tables(config)
tables

# %% [markdown]
# A simulated shop, with e-mail addresses, consent and an event log; a contact costs 25 cents, and 50 euros may be spent. The
# model learns from few days here, to be quick.

# %%
as_of = "2025-10-01"
model = clm.train(tables, config, as_of=as_of)
scores = model.score(clm.describe(tables, as_of=as_of, task=config.task))

# %% [markdown]
# ## The list
#
# The config says whom it is for (`list.segments`), what may be spent (`list.budget`) and what a contact costs. Before
# anybody is looked at, those leave who did not consent, who are suppressed, or whom another campaign has just contacted.

# %%
listed = clm.rank(scores, tables, config, campaign="winter")
listed

# %% [markdown]
# **Expected profit** of a customer = churn probability × save rate × margin × what one order of theirs is worth, less the
# contact. Note the save rate: until a campaign was measured it is a guess, and the list says so.
#
# ## A longer list?
#
# The list takes first whom a contact pays for best. So each further customer brings less, and at some length costs more
# than they bring. Beyond the highest point no budget should go. (The figure counts those held out too, as the budget does;
# the promise above is of those to contact alone.)

# %%
listed.figure()

# %% [markdown]
# ## What budgets buy
#
# The same scores, other budgets. `clm.rank` writes nothing, so try what you like.

# %%
import pandas as pd

bought = {}
for budget in (10, 25, 50, 100, 200):
    plan = config.model_copy(update={"list": config.list.model_copy(update={"budget": float(budget)})})
    tried = clm.rank(scores, tables, plan, campaign="winter")
    bought[budget] = {"to contact": len(tried.contact), "held out": len(tried.holdout), "profit": tried.promise.profit}
budgets = pd.DataFrame(bought).T.rename_axis("budget")
budgets.round(0).astype(int)

# %% [markdown]
# ## How much hangs on the guess
#
# The save rate cannot be read from the log: nobody there was contacted and not contacted. It moves the profit of every
# list, and with it the length that pays. So hold somebody out: once such campaigns have closed and show what contacts bring
# back, the next list is ranked by that.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(7, 4))
for rate in (0.02, 0.05, 0.10):
    plan = config.model_copy(update={"list": config.list.model_copy(update={"assumed_save_rate": rate})})
    profits = clm.rank(scores, tables, plan, campaign="winter").profits
    axes.plot(range(1, len(profits) + 1), profits.cumsum(), label=f"save rate {rate:.0%}")
axes.axhline(0, color="#8a8f98", linestyle="--", linewidth=1)
axes.set(title="The guess decides how long a list should be")
axes.set(xlabel="Customers contacted", ylabel=f"Expected profit, {config.currency}")
axes.legend(frameon=False)
plt.tight_layout()

# %% [markdown]
# ## The holdout: what it costs, and what it can show
#
# Those held out are like those contacted, but for the contact. The more there are, the smaller a rise they can show, and
# the more profit is left on the table. If the smallest rise that can be seen is larger than the rise that would pay for
# the contacts, a campaign can earn money and nobody will know.

# %%
shown = {}
for share in (0.05, 0.1, 0.2, 0.3, 0.5):
    plan = config.model_copy(update={"list": config.list.model_copy(update={"holdout_share": share})})
    promise = clm.rank(scores, tables, plan, campaign="winter").promise
    shown[share] = {
        "cost of the holdout": promise.holdout_cost,
        "smallest rise seen, points": 100 * promise.detectable_rise,
        "rise that pays, points": 100 * promise.break_even_rise,
    }
holdouts = pd.DataFrame(shown).T.rename_axis("holdout_share")
holdouts.round(2)

# %% [markdown]
# `holdout_share: auto` takes the smallest share that can show a rise which pays, and a half where none can. Several small
# campaigns can also be told together: see [measuring_and_uplift](measuring_and_uplift.ipynb).
#
# ## Channels have limits too
#
# Calls are dear and few can be made. `list.capacity` says how many a channel takes, and the playbook which channel a
# segment's play goes by.

# %%
plan = config.model_copy(update={"list": config.list.model_copy(update={"capacity": {"phone": 10}})})
limited = clm.rank(scores, tables, plan, campaign="winter")
people = pd.concat([limited.contact, limited.holdout])
people.groupby(["segment", "play"]).size().to_frame("customers")

# %%
pd.Series(limited.dropped, name="left out").to_frame()

# %% [markdown]
# ## From here to the CRM
#
# `clm-ml export` makes the same list from a scores box, remembers in a ledger who is in which arm, and writes the files that
# your CRM imports, those held out apart. Exporting again moves nobody.
#
# **Where to go next:** [measuring_and_uplift](measuring_and_uplift.ipynb) tells what a campaign earned, and
# [closed_loop](closed_loop.ipynb) goes the whole way four times.
