"""The story, told once for each verb: which room is asked, in which order. Nothing is computed here."""

from typing import TYPE_CHECKING

from clm_ml.on_demand import on_demand

if TYPE_CHECKING:
    from clm_ml.pipeline.backtesting import Backtested, backtest
    from clm_ml.pipeline.checking import Checked, check, propose_config
    from clm_ml.pipeline.delivering import choose_destinations, confirm_delivered
    from clm_ml.pipeline.describing import Described, describe
    from clm_ml.pipeline.exporting import Exported, export
    from clm_ml.pipeline.forgetting import Forgot, forget
    from clm_ml.pipeline.listing import Listed, rank
    from clm_ml.pipeline.measuring import MeasuredCampaigns, measure_campaigns
    from clm_ml.pipeline.measuring_stages import Staged, cohorts, kpis, measure_stages
    from clm_ml.pipeline.migrating import Migrated, transitions, transitions_files
    from clm_ml.pipeline.monitoring import Monitored, monitor
    from clm_ml.pipeline.persuading import LearnedUplift, learn_from_campaigns
    from clm_ml.pipeline.pruning import Pruned, prune
    from clm_ml.pipeline.reporting import Reported, report
    from clm_ml.pipeline.scoring import Scored, score
    from clm_ml.pipeline.segmenting import Segmented, segment, segment_files
    from clm_ml.pipeline.training import Trained, train, train_box
    from clm_ml.pipeline.viewing import customer

__all__ = [
    "Backtested",
    "Checked",
    "Described",
    "Exported",
    "Forgot",
    "LearnedUplift",
    "Listed",
    "MeasuredCampaigns",
    "Migrated",
    "Monitored",
    "Pruned",
    "Reported",
    "Scored",
    "Segmented",
    "Staged",
    "Trained",
    "backtest",
    "check",
    "choose_destinations",
    "cohorts",
    "confirm_delivered",
    "customer",
    "describe",
    "export",
    "forget",
    "kpis",
    "learn_from_campaigns",
    "measure_campaigns",
    "measure_stages",
    "monitor",
    "propose_config",
    "prune",
    "rank",
    "report",
    "score",
    "segment",
    "segment_files",
    "train",
    "train_box",
    "transitions",
    "transitions_files",
]

_HOMES = {
    "backtesting": ("Backtested", "backtest"),
    "checking": ("Checked", "check", "propose_config"),
    "delivering": ("choose_destinations", "confirm_delivered"),
    "describing": ("Described", "describe"),
    "exporting": ("Exported", "export"),
    "forgetting": ("Forgot", "forget"),
    "listing": ("Listed", "rank"),
    "measuring": ("MeasuredCampaigns", "measure_campaigns"),
    "measuring_stages": ("Staged", "cohorts", "kpis", "measure_stages"),
    "migrating": ("Migrated", "transitions", "transitions_files"),
    "monitoring": ("Monitored", "monitor"),
    "persuading": ("LearnedUplift", "learn_from_campaigns"),
    "pruning": ("Pruned", "prune"),
    "reporting": ("Reported", "report"),
    "scoring": ("Scored", "score"),
    "segmenting": ("Segmented", "segment", "segment_files"),
    "training": ("Trained", "train", "train_box"),
    "viewing": ("customer",),
}

# Each verb has rooms of its own below; none waits for those of another.
__getattr__, __dir__ = on_demand(__name__, _HOMES)
