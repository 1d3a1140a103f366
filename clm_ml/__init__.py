"""Customer lifecycle management: who is slipping away, what they are worth, and whom to contact first.

>>> import clm_ml as clm
>>> config = clm.load_config("configs/online_retail.yaml")  # doctest: +SKIP
>>> tables = clm.read_tables(config)  # doctest: +SKIP
>>> model = clm.train(tables, config, as_of="2011-09-11")  # doctest: +SKIP
>>> scores = model.score(clm.describe(tables, as_of="2011-09-11", task=config.task))  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm_ml.on_demand import on_demand

if TYPE_CHECKING:
    from clm_ml.config import Config, load_config
    from clm_ml.datasets import online_retail_config, online_retail_path, simulate
    from clm_ml.errors import ClmError
    from clm_ml.lifecycle import playbook, vocabularies
    from clm_ml.measuring import measure, put_together
    from clm_ml.model import Model, load_model
    from clm_ml.model.classifier import OrderClassifier
    from clm_ml.pipeline import (
        backtest,
        check,
        cohorts,
        customer,
        describe,
        export,
        forget,
        kpis,
        learn_from_campaigns,
        measure_campaigns,
        monitor,
        prune,
        rank,
        report,
        score,
        segment,
        train,
        train_box,
        transitions,
    )
    from clm_ml.tables import Tables, read_tables
    from clm_ml.uplift import learn_uplift, load_uplift

__all__ = [
    "ClmError",
    "Config",
    "Model",
    "OrderClassifier",
    "Tables",
    "backtest",
    "check",
    "cohorts",
    "customer",
    "describe",
    "export",
    "forget",
    "kpis",
    "learn_from_campaigns",
    "learn_uplift",
    "load_config",
    "load_model",
    "load_uplift",
    "measure",
    "measure_campaigns",
    "monitor",
    "online_retail_config",
    "online_retail_path",
    "playbook",
    "prune",
    "put_together",
    "rank",
    "read_tables",
    "report",
    "score",
    "segment",
    "simulate",
    "train",
    "train_box",
    "transitions",
    "vocabularies",
]

_HOMES = {
    "config": ("Config", "load_config"),
    "datasets": ("online_retail_config", "online_retail_path", "simulate"),
    "errors": ("ClmError",),
    "lifecycle": ("playbook", "vocabularies"),
    "measuring": ("measure", "put_together"),
    "model": ("Model", "load_model"),
    "model.classifier": ("OrderClassifier",),
    "pipeline": (
        "backtest",
        "check",
        "cohorts",
        "customer",
        "describe",
        "export",
        "forget",
        "forget",
        "kpis",
        "learn_from_campaigns",
        "measure_campaigns",
        "monitor",
        "prune",
        "rank",
        "report",
        "score",
        "segment",
        "train",
        "train_box",
        "transitions",
    ),
    "tables": ("Tables", "read_tables"),
    "uplift": ("learn_uplift", "load_uplift"),
}
# What is not asked for is not imported: the command line answers at once.
__getattr__, __dir__ = on_demand(__name__, _HOMES)
