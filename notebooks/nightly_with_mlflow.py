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
# # From notebook to nightly job
#
# A model that lives in a notebook helps nobody tomorrow. This one goes the last steps: a training that is tracked, a
# registry that knows which model reigns, scores that name the model that made them, and the two lines that a scheduler runs.

# %%
from pathlib import Path
from tempfile import mkdtemp

import clm_ml as clm

folder = Path(mkdtemp())
clm.simulate(1_000, seed=2, out=folder)
shop = clm.load_config(folder / "shop.yaml")
config = shop.model_copy(update={"train": shop.train.model_copy(update={"step_days": 56, "most_as_ofs": 3})})
config.tracking

# %% [markdown]
# `tracking.uri` is MLflow's store. A SQLite file beside the config is enough for one machine; a team names its server here.
# Paths in a config start at its own folder, so a scheduler can run it from anywhere.
#
# ## Train: a run, a version, an alias
#
# `train_box` is `clm-ml train`: it learns, judges the model forward in time, writes a model box, logs a run and registers
# a version. If the model beats every baseline it becomes `champion`, otherwise `challenger`, with the reason.

# %%
trained = clm.train_box(config, as_of="2025-07-01", folder=folder / "models" / "july")
trained

# %% [markdown]
# ## What MLflow knows
#
# Parameters, metrics of model and baselines, plots and counts; never a customer's row. The names are plain, so a dashboard
# of your own can ask for them.

# %%
import mlflow
import pandas as pd

mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
run = mlflow.get_run(trained.tracked.run_id)
pd.Series(run.data.params, name="asked for").to_frame()

# %%
metrics = pd.Series(run.data.metrics)
compared = [name for name in metrics.index if name.endswith("log_loss")]
metrics[compared].sort_values().round(4).to_frame("log loss, less is better")

# %%
from IPython.display import Image

Image(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="gains.png"), width=560)

# %% [markdown]
# ## The champion scores
#
# `models:/PROJECT@champion` is whatever model reigns when the night comes. The scores box names it, copies its facts, and
# holds the SHA-256 of each file, so a list found in two years still says what made it.

# %%
place = f"models:/{config.project}@champion"
scored = clm.score(config, folder / "scores" / "july", as_of="2025-07-01", model=place, reasons=50)
scored

# %% [markdown]
# ## A month later
#
# Train again when there is more to learn from. A new model has to beat the baselines, and to be no worse than the reigning
# champion but for noise; then the alias moves to it. Nobody's script changes, since all of them ask for `@champion`.

# %%
again = clm.train_box(config, as_of="2025-08-01", folder=folder / "models" / "august")
client = mlflow.MlflowClient()
versions = client.search_model_versions(f"name = '{config.project}'")
aliases = client.get_registered_model(config.project).aliases
named = {number: name for name, number in aliases.items()}
pd.DataFrame([{"version": v.version, "alias": named.get(v.version, "–"), "run": v.run_id[:8]} for v in versions])

# %% [markdown]
# ## Serving
#
# The registered model is an MLflow pyfunc with a signature, without a pickle: this package's code and a box of text. It takes
# rows of features as `describe` gives them. In process:

# %%
tables = clm.read_tables(config)
features = clm.describe(tables, as_of="2025-08-01", task=config.task).to_pandas()
served = mlflow.pyfunc.load_model(place)
answer = served.predict(features)
answer.groupby("segment")[["churn_probability", "expected_value", "value_at_risk"]].mean().round(2)

# %% [markdown]
# And the same over HTTP, where a web shop asks for one customer at a time:
#
# ```console
# $ export MLFLOW_TRACKING_URI=sqlite:///mlflow.db
# $ mlflow models serve -m "models:/simulated-shop@champion" --env-manager local --port 5001
# $ curl -s localhost:5001/invocations -H 'Content-Type: application/json' -d '{"dataframe_records": [{…}]}'
# ```
#
# A row stands alone: one customer scored by themselves gets what they get among a million. So what is served and what the
# night has written cannot disagree.

# %%
reigning = again if again.tracked.alias == "champion" else trained
scores = reigning.model.score(features, reasons=False)
pd.testing.assert_frame_equal(served.predict(features.iloc[[7]]), answer.iloc[[7]])
pd.testing.assert_series_equal(scores["order_probability"], answer["order_probability"])

# %%
import matplotlib.pyplot as plt

axes = scores["churn_probability"].plot.hist(bins=20, color="#1f5fa8", figsize=(7, 3.5), edgecolor="white")
axes.set(title="What the champion says of everybody", xlabel="Churn probability", ylabel="Customers")
plt.tight_layout()

# %% [markdown]
# ## The night
#
# Two lines of a crontab: score every night, train once a month. The day is an argument, never the clock's guess inside the
# code, so a night that failed can be run again and gives the same bytes. (`%` is a sign of cron's own, hence the backslash.)
#
# ```cron
# 15 2 * * *  cd /srv/shop && clm-ml score clm.yaml --as-of $(date +\%F) --out scores/$(date +\%F) >> night.log 2>&1
# 30 3 1 * *  cd /srv/shop && clm-ml train clm.yaml --as-of $(date +\%F) >> train.log 2>&1
# ```
#
# Exit codes tell the scheduler what went wrong: 12 the data, 13 the day, 14 the model, 17 a gate that was not passed.
# Nothing half-written is ever left under its final name. A log in daily files is read only as far as it is new.
#
# **Where to go next:** [lists_and_budgets](lists_and_budgets.ipynb) makes a list of the scores; `clm-ml export` files it for
# your CRM.
