"""The only room that knows MLflow: one run a training, the model registered, and fetched again by its name."""

from clm_ml.tracking.store import Run, Tracked, fetch_box, log_backtest, log_run

__all__ = ["Run", "Tracked", "fetch_box", "log_backtest", "log_run"]
