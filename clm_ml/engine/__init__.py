"""Opens DuckDB or Spark, reads sources, and gives integer days and exact money to every table."""

from clm_ml.engine.batches import BATCH_ROWS, parquet_writer
from clm_ml.engine.delivering import Target, open_target
from clm_ml.engine.embedded import Engine, open_embedded
from clm_ml.engine.expression import as_literal, quoted
from clm_ml.engine.language import Typed
from clm_ml.engine.opening import AnyEngine, open_engine
from clm_ml.engine.sources import Source
from clm_ml.engine.spark_session import spark_failure
from clm_ml.engine.store import Store, open_store

__all__ = [
    "BATCH_ROWS",
    "AnyEngine",
    "Engine",
    "Source",
    "Store",
    "Target",
    "Typed",
    "as_literal",
    "open_embedded",
    "open_engine",
    "open_store",
    "open_target",
    "parquet_writer",
    "quoted",
    "spark_failure",
]
