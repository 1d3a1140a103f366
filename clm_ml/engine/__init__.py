"""Opens DuckDB, reads sources, and gives integer days and exact money to every table."""

from clm_ml.engine.embedded import BATCH_ROWS, Engine, open_engine
from clm_ml.engine.expression import quoted
from clm_ml.engine.sources import Source

__all__ = ["BATCH_ROWS", "Engine", "Source", "open_engine", "quoted"]
