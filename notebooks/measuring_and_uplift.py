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
# # What a campaign earned, and whom it moved
#
# After a campaign somebody will say: "a fifth of those we wrote to came back!" Some of them would have come anyway. Only a
# group like them that was not contacted tells how many. This notebook draws a campaign whose truth is known, measures it,
# and then learns whom a contact moves.

# %%
import numpy as np
import pandas as pd

rng = np.random.default_rng(11)
n = 40_000
people = pd.DataFrame({"months_silent": rng.integers(1, 13, n)})
people["reads"] = rng.choice(["often", "seldom"], n, p=[0.4, 0.6])
would_come = 0.16 / people["months_silent"] ** 0.5
effect = np.where((people["reads"] == "often") & (people["months_silent"] >= 4), 0.06, 0.002)
people["group"] = rng.choice(["mail", "none"], n, p=[0.7, 0.3])
came = rng.random(n) < would_come + effect * (people["group"] == "mail")
people["ordered"] = came.astype(int)
people["revenue"] = (came * rng.gamma(2.0, 30.0, n)).round(2)
people.head()

# %% [markdown]
# The truth, which no shop knows: whoever is silent for longer is less likely to come, and a mail moves only those who read
# mails and have been away for a while.
#
# ## Against whom?
#
# Comparing those contacted with nobody counts all who came as won. Comparing them with those held out counts the difference.

# %%
rates = people.groupby("group")["ordered"].mean()
contacted = people["group"] == "mail"
pd.Series(
    {
        "buyers among those contacted": people.loc[contacted, "ordered"].sum(),
        "more than without it, measured": (rates["mail"] - rates["none"]) * contacted.sum(),
        "more than without it, true": effect[contacted].sum(),
    }
).round(0).astype(int).to_frame("customers")

# %% [markdown]
# ## Measured, with a verdict
#
# `clm.measure` takes any frame with arms and outcomes; `clm-ml measure` finds both for a campaign that was exported. The
# intervals hold the truth as often as they say, also with small holdouts. *Earned* or *lost* is said only where the
# profit's interval lies on one side of zero.

# %%
import clm_ml as clm

asked = {"arm": "group", "holdout": "none", "ordered": "ordered", "spent": "revenue", "currency": "EUR"}
terms = {"share": 0.3, "margin": 0.3, "contact_cost": 0.05}
measured = clm.measure(people, segment="reads", campaign="autumn", **asked, **terms)
measured

# %%
from clm_ml.plots import plot_effects

plot_effects(measured.table(), f"autumn: {measured.verdict.word}", "EUR", measured.total.break_even)

# %% [markdown]
# The band is the interval of all. A segment that it does not touch is the rare one; whether segments differ at all,
# Cochran's Q is asked first, since of many segments some look better by chance.
#
# ## Too few to tell
#
# The same campaign, sent to one in forty of these people. Its effect is the same; what is known of it is not. An
# *inconclusive* campaign did not fail: it was too small to be understood. The last line says how large a rise it could have
# shown, and that can be read before anything is sent.

# %%
small = clm.measure(people.sample(1_000, random_state=1), campaign="a small one", **asked, **terms)
small.lines()

# %% [markdown]
# Several campaigns can be told together: the interval of all is narrower than that of each.

# %%
some = people.sample(24_000, random_state=2)
apart = [clm.measure(some.iloc[part::4], campaign=f"campaign {part + 1}", **asked, **terms) for part in range(4)]
together = clm.put_together(apart)
plot_effects(together.table(), f"together: {together.verdict.word}", "EUR")

# %% [markdown]
# ## Whom does a contact move?
#
# Those likely to leave are not those who can be persuaded. Uplift learns the difference from what was randomised, and it
# is used only if its order beats chance on customers who did not teach it. That gate is what keeps noise out of lists.

# %%
who = {"arm": "group", "holdout": "none", "ordered": "ordered"}
found = clm.learn_uplift(people, features=["months_silent", "reads"], share=0.3, **who)
found

# %%
from clm_ml.plots import plot_uplift

plot_uplift(found.curve, found.deciles, found.gate.sentence)

# %% [markdown]
# ## Was it right?
#
# Here we can ask the truth. Mail a third of the people: the riskiest, those whom the contact moves most, or anybody.

# %%
import matplotlib.pyplot as plt

third = n // 3
orders = {
    "anybody": rng.permutation(n)[:third],
    "least likely to come": np.argsort(would_come)[:third],
    "moved most": np.argsort(-found.effects(people))[:third],
}
won = pd.Series({name: effect[chosen].sum() for name, chosen in orders.items()})
axes = won.plot.barh(color=["#8a8f98", "#d1762f", "#1f5fa8"], figsize=(7, 2.8))
axes.set(title="More buyers, in truth, if a third is mailed", xlabel="Customers", ylabel="")
plt.tight_layout()
assert won["moved most"] > won["least likely to come"]

# %% [markdown]
# In a shop's own project the same is `clm-ml uplift CONFIG --out DIR`, learned from all campaigns of the ledger, and
# `clm-ml export … --uplift DIR`, which ranks by it if the gate was passed, and says so if it was not.
#
# **Where to go next:** [closed_loop](closed_loop.ipynb) does all of it over four campaigns of a simulated shop.
