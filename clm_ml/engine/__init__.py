"""Opens DuckDB, reads sources, and gives integer days and exact money to every table."""

from clm_ml.engine.embedded import BATCH_ROWS, Engine, Source, open_engine
from clm_ml.engine.expression import quoted

__all__ = ["BATCH_ROWS", "Engine", "Source", "open_engine", "quoted"]
