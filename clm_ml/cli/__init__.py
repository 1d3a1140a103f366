"""The street: verbs, arguments, and the one place where errors become words.

Everything heavy is imported inside the verbs, so that `clm-ml --help` answers at once.
"""

from clm_ml.cli.asking import app
from clm_ml.cli.customer import customer
from clm_ml.cli.destinations import list_destinations
from clm_ml.cli.export import export
from clm_ml.cli.forget import forget
from clm_ml.cli.kpis import kpis
from clm_ml.cli.measure import measure
from clm_ml.cli.models import backtest, score, train
from clm_ml.cli.monitor import monitor
from clm_ml.cli.prune import prune
from clm_ml.cli.report import report
from clm_ml.cli.segments import segments
from clm_ml.cli.transitions import transitions
from clm_ml.cli.uplift import uplift
from clm_ml.cli.verbs import main

__all__ = [
    "app", "backtest", "customer", "export", "forget", "kpis", "list_destinations", "main", "measure", "monitor",
    "prune", "report", "score", "segments", "train", "transitions", "uplift",
]  # fmt: skip
