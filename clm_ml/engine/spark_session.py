"""Starts a Spark that is quiet and leaves nothing behind, and says in one sentence what ails it.

What Spark writes to its log may hold rows, so that nothing of it is shown: its process has no stderr.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clm_ml.config import Config
from clm_ml.engine.batches import BATCH_ROWS
from clm_ml.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["Session", "in_words_of_spark", "open_session", "quietly", "spark_failure", "spark_says"]

_STOPPED = "Spark stopped before it had finished; look whether its process was killed, or raise memory_limit"
_UNREAD_FILE = "a file is damaged, or is not what its name says"
_LEAST_MEMORY = 512
_LOGGERS = ("DataFrameQueryContextLogger", "SQLQueryContextLogger", "py4j")


@dataclass(frozen=True)
class Session:
    """A Spark session, the folder for what passes through the disk, and how to end it if it was started here."""

    spark: SparkSession = field(repr=False)
    scratch: Path | None
    stop: Any = field(default=lambda: None, repr=False)


def open_session(config: Config) -> Session:
    """Take the Spark session there is, as it is, or start one.

    Raises:
        ConfigError: if PySpark or Java is missing, a setting is none that Spark knows, or the master cannot be reached.
    """
    with quietly():
        try:
            from pyspark.sql import SparkSession  # noqa: PLC0415
        except ImportError:
            raise ConfigError("engine: spark needs PySpark; install it with: pip install 'clm-ml[spark]'.") from None
        import pyspark.testing.utils  # noqa: F401, PLC0415 - it warns where it is first imported

        there = SparkSession.getActiveSession()
        if there is not None:
            return Session(there, config.path(config.temp_dir) if config.temp_dir else None)
        _refuse_without_java()
        scratch = _scratch(config)
        try:
            return _started(config, scratch)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise


def _started(config: Config, scratch: Path) -> Session:
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    is_local = config.engine == "spark"
    master = f"local[{config.threads or '*'}]" if is_local else config.engine
    settings = SparkConf().setAppName(f"clm-ml {config.project}").setMaster(master)
    for key, value in (
        _settings(scratch) | (_local(config, scratch) if is_local else _cluster(config, scratch))
    ).items():
        settings.set(key, value)
    for name in _LOGGERS:
        logging.getLogger(name).disabled = True
    logging.getLogger().addFilter(_is_not_py4js)
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    try:
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        gateway = launch_gateway(settings, nowhere)  # type: ignore[no-untyped-call]
    except Exception:
        raise ConfigError(f"engine: Spark does not start at {master}; it needs Java 17 or later.") from None
    stop = weakref.finalize(gateway, _stop, gateway.proc, scratch)
    try:
        context = SparkContext(conf=settings, gateway=gateway)
        context.setLogLevel("OFF")
        setattr(context._accumulatorServer, "handle_error", lambda *_: None)  # noqa: B010 - it would print to stderr
        return Session(SparkSession(context), scratch, stop)
    except Exception as error:
        stop()
        raise ConfigError(f"engine: Spark does not start at {master} ({spark_says(error)}).") from None


def _is_not_py4js(record: logging.LogRecord) -> bool:
    """Keep what py4j says to the root logger, with a traceback, from people: of a Spark that was killed we tell."""
    return "py4j" not in Path(record.pathname).parts


def _stop(process: Any, scratch: Path) -> None:
    """End the session and its process, so that its memory and files are given back; the next one starts anew."""
    from pyspark import SparkContext  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    session, context, gateway = SparkSession._instantiatedSession, SparkContext._active_spark_context, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it does not answer any more
        for ending in (session, context):
            with suppress(Exception):
                ending.stop()  # type: ignore[union-attr]
    gateway, SparkContext._gateway, SparkContext._jvm = SparkContext._gateway, None, None
    SparkSession._instantiatedSession = SparkContext._active_spark_context = None
    with suppress(Exception):
        gateway.shutdown()  # type: ignore[union-attr]
    with suppress(Exception):
        process.stdin.close()  # Spark's process ends when nobody holds this
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(scratch, ignore_errors=True)


def _refuse_without_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").exists())):
        raise ConfigError("engine: spark needs Java 17 or later, and none is found; install it, or set JAVA_HOME.")


def _scratch(config: Config) -> Path:
    """Make a folder in `temp_dir` that holds all that Spark writes to disk."""
    place = config.path(config.temp_dir).resolve() if config.temp_dir else None
    try:
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="clm-ml-spark-", dir=place))
    except OSError as error:
        raise ConfigError(f"temp_dir: {place} cannot be written: {error.strerror}.") from None


def _settings(scratch: Path) -> dict[str, str]:
    return {
        "spark.driver.maxResultSize": "0",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": (scratch / "warehouse").as_uri(),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def _local(config: Config, scratch: Path) -> dict[str, str]:
    """Set up a Spark within one process of this machine, which nobody else can reach."""
    return {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.defaultJavaOptions": f'-XX:-UsePerfData "-Djava.io.tmpdir={scratch}"',
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": _memory(config.memory_limit),
        "spark.local.dir": str(scratch),
        "spark.sql.shuffle.partitions": str(4 * (config.threads or os.cpu_count() or 1)),
    }


def _cluster(config: Config, scratch: Path) -> dict[str, str]:
    memory = {"spark.executor.memory": _memory(config.memory_limit)} if config.memory_limit else {}
    cores = {"spark.cores.max": str(config.threads)} if config.threads else {}
    return memory | cores | {"spark.local.dir": str(scratch)}


def _memory(limit: str | None) -> str:
    """Write a memory limit as Java reads it; half the machine's if there is none.

    >>> _memory("2GiB"), _memory("1.5 GB")
    ('2048m', '1430m')
    """
    if limit is None:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2**21}m"
    told = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT])(I?)B?", limit.strip().upper())
    if told is None:
        raise ConfigError(f"memory_limit: {limit!r} is no amount of memory for Spark; write it as 2GB.")
    number, unit, is_binary = told.groups()
    whole = int(float(number) * (1024 if is_binary else 1000) ** (1 + "KMGT".index(unit))) // 2**20
    if whole < _LEAST_MEMORY:
        raise ConfigError(f"memory_limit: {limit!r} is too little for Spark, which needs {_LEAST_MEMORY}MiB.")
    return f"{whole}m"


@contextmanager
def quietly() -> Iterator[None]:
    """Leave out what PySpark says of each pandas that is newer than itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield


@contextmanager
def in_words_of_spark(what: str) -> Iterator[None]:
    """Let failures of Spark leave as a `DataError` that starts with `what`: never a message that may hold a row."""
    try:
        yield
    except (ConfigError, DataError):
        raise
    except Exception as error:
        if (sentence := _of_a_worker(error)) is not None:
            raise DataError(sentence) from None
        if (failure := spark_failure(error)) is not None:
            raise DataError(f"{what}: {failure}.") from None
        raise


def spark_failure(error: BaseException) -> str | None:
    """Say what an exception of Spark means; None if it is none of Spark's."""
    room = type(error).__module__.split(".")[0]
    if isinstance(error, ConnectionError) or (room == "py4j" and "Network" in type(error).__name__):
        return _STOPPED
    if room not in ("pyspark", "py4j"):
        return None
    if _has_ended():
        return _STOPPED
    if (sentence := _of_a_worker(error)) is not None:
        return sentence.removesuffix(".")
    said = spark_says(error)
    if said.startswith(("FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER")):
        return _UNREAD_FILE
    return f"Spark says {said}"


def _has_ended() -> bool:
    """Say whether Spark's process is gone, if it was started from here: then errors speak of anything but that."""
    from pyspark import SparkContext  # noqa: PLC0415

    try:
        return SparkContext._gateway is not None and SparkContext._gateway.proc.wait(timeout=0.5) is not None
    except (AttributeError, subprocess.TimeoutExpired):
        return False


def spark_says(error: Any) -> str:
    """Give the name of what went wrong, which Spark puts before each message: `TABLE_OR_VIEW_NOT_FOUND`."""
    with suppress(Exception):
        return str(error.getCondition() or type(error).__name__)
    with suppress(Exception):
        return str(error.java_exception.getCondition() or error.java_exception.getClass().getSimpleName())
    with suppress(Exception):
        return str(error.java_exception.getClass().getSimpleName())
    return type(error).__name__


def _of_a_worker(error: BaseException) -> str | None:
    """Find the sentence of a `DataError` that was raised within a worker; the rest of the message stays here."""
    if not type(error).__module__.startswith(("pyspark", "py4j")):
        return None
    found = re.search(r"^clm_ml\.errors\.DataError: (.+)$", str(error), re.MULTILINE)
    return found[1].strip() if found else None
