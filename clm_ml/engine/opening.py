"""Opens the engine that a config names."""

from __future__ import annotations

from clm_ml.config import Config
from clm_ml.engine.embedded import Engine, open_embedded
from clm_ml.engine.spark import SparkEngine, open_spark

__all__ = ["AnyEngine", "open_engine"]

AnyEngine = Engine | SparkEngine


def open_engine(config: Config) -> AnyEngine:
    """Open an engine with the config's memory, threads and spill folder.

    Raises:
        ConfigError: if a setting is none that the engine knows, or what it needs is not installed.
        DataError: if the config's DuckDB file cannot be opened.
    """
    return open_spark(config) if config.engine.startswith("spark") else open_embedded(config)
