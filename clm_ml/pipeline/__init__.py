"""The story, told once for each verb: which room is asked, in which order. Nothing is computed here."""

from clm_ml.pipeline.backtesting import Backtested, backtest
from clm_ml.pipeline.checking import Checked, check, propose_config
from clm_ml.pipeline.delivering import choose_destinations, confirm_delivered
from clm_ml.pipeline.describing import Described, describe
from clm_ml.pipeline.exporting import Exported, Listed, export, rank
from clm_ml.pipeline.scoring import Scored, score
from clm_ml.pipeline.training import Trained, train, train_box
from clm_ml.progress import Progress, silent

__all__ = [
    "Backtested",
    "Checked",
    "Described",
    "Exported",
    "Listed",
    "Progress",
    "Scored",
    "Trained",
    "backtest",
    "check",
    "choose_destinations",
    "confirm_delivered",
    "describe",
    "export",
    "propose_config",
    "rank",
    "score",
    "silent",
    "train",
    "train_box",
]
