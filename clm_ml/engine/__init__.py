"""Opens DuckDB, reads sources, and gives integer days and exact money to every table."""

from clm_ml.engine.embedded import BATCH_ROWS, Engine, open_engine
from clm_ml.engine.expression import quoted
from clm_ml.engine.language import Typed
from clm_ml.engine.sources import Source

AnyEngine = Engine

__all__ = ["BATCH_ROWS", "AnyEngine", "Engine", "Source", "Typed", "open_engine", "quoted"]
