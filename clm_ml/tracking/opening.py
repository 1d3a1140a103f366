"""Opens MLflow's store: quietly, offline, made whole, and told of without its passwords.

MLflow is imported only when it is used, since that takes seconds.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clm_ml.artifacts import whole_file
from clm_ml.config import Config
from clm_ml.errors import ArtifactError, ConfigError

__all__ = ["SQLITE", "is_not_there", "open_store", "placed", "without_secrets"]

SQLITE = "sqlite:///"


@contextmanager
def open_store(config: Config) -> Iterator[Any]:
    """Import MLflow quietly and offline, pointed at the project's store; what it cannot do becomes a sentence."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # a server that is away is told of within seconds
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")  # a notebook has no widgets, and needs none
        import mlflow  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    for noisy in ("mlflow", "alembic"):  # importing MLflow sets their levels anew
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # What fails in the database is raised too, and told in a sentence; logged, it would quote what was to be written.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    told = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    try:
        uri = placed(config)
        _make_whole(mlflow, uri)
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        yield mlflow
    except (mlflow.MlflowException, SQLAlchemyError, ImportError, OSError, ArtifactError) as error:
        raise ConfigError(
            f"tracking.uri {without_secrets(config.tracking.uri)} cannot be used ({type(error).__name__})."
        ) from None  # its text can hold the URI, and with it a password
    finally:
        mlflow.set_tracking_uri(before[0])
        # A registry that was that of the tracking store follows it on, wherever a notebook points MLflow next.
        mlflow.set_registry_uri(None if before[1] == before[0] else before[1])  # type: ignore[arg-type]
        for name, value in told.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def is_not_there(config: Config) -> bool:
    """Say of a SQLite store that it could be made, but nobody has; of a server nobody knows without asking."""
    if not config.tracking.uri.startswith(SQLITE):
        return False
    store = config.path(config.tracking.uri.removeprefix(SQLITE).partition("?")[0]).absolute()
    return not store.exists() and next(folder for folder in store.parents if folder.exists()).is_dir()


def placed(config: Config) -> str:
    """Give the store's URI, a SQLite one beside the config, in a folder that is there."""
    uri = config.tracking.uri
    if not uri.startswith(SQLITE):
        return uri
    store = config.path(uri.removeprefix(SQLITE)).resolve()
    store.parent.mkdir(parents=True, exist_ok=True)
    return SQLITE + str(store)


def _make_whole(mlflow: Any, uri: str) -> None:
    """Make a SQLite store that is not there yet, in a hidden place first.

    MLflow makes it in dozens of steps; a run killed between two of them, or another one at the same time, would leave
    a store that MLflow can neither use nor mend.
    """
    store = Path(uri.removeprefix(SQLITE).partition("?")[0])
    if uri.startswith(SQLITE) and not store.exists():
        with whole_file(store, first_stays=True) as hidden:
            mlflow.MlflowClient(tracking_uri=SQLITE + str(hidden)).search_experiments(max_results=1)


def without_secrets(uri: str) -> str:
    """Tell a store without the password it may hold.

    >>> without_secrets("postgresql://me:secret@host/db?password=secret")
    'postgresql://…@host/db'
    """
    scheme, _, rest = uri.partition("?")[0].partition("://")
    return f"{scheme}://…@{rest.rpartition('@')[2]}" if "@" in rest else uri.partition("?")[0]
