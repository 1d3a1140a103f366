"""Keeps runs and registered models in MLflow's store, and fetches a model's box again."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clm_ml.config import Config
from clm_ml.errors import ModelError
from clm_ml.model import BECOMES, QUANTILES
from clm_ml.tracking.opening import SQLITE, is_not_there, open_store, placed, without_secrets

__all__ = ["OUTPUTS", "Run", "Tracked", "fetch_box", "log_backtest", "log_run"]

#: The folder of a registered model in which MLflow keeps what was logged with it.
_BOX = "data"

#: What the served model gives back, and MLflow's type of it.
OUTPUTS = (
    ("customer_id", "string"),
    ("segment", "string"),
    ("phase", "string"),
    ("order_probability", "double"),
    ("churn_probability", "double"),
    ("expected_value", "double"),
    ("expected_value_if_ordering", "double"),
    ("expected_order_amount", "double"),
    ("value_at_risk", "double"),
    ("next_segment", "string"),
    ("next_segment_probability", "double"),
    *((name, "double") for name in BECOMES),
    *((name, "string") for name in QUANTILES),
)


@dataclass(frozen=True)
class Run:
    """What one training tells MLflow: facts and figures, never a person's row.

    Attributes:
        name: of the run.
        params: what was asked for.
        metrics: how the model and its baselines were judged.
        facts: of the data: counts and days.
        figures: Matplotlib figures by file name.
        box: the model box, whole.
        columns: the features a row must have to be scored.
        trials: what a search has tried, each a child run: its numbers, and its `log_loss` if it was seen to the end.
        texts: what people read, by file name.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    facts: Mapping[str, Any]
    figures: Mapping[str, Any] = field(repr=False)
    box: Path
    columns: Sequence[str]
    trials: Sequence[Mapping[str, Any]] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Tracked:
    """Where a run went: its id, and the version and alias the model is registered with."""

    run_id: str
    version: str
    alias: str


def log_run(config: Config, run: Run, alias: str) -> Tracked:
    """Log a training, register its model under the project's name, and give the version an alias.

    Args:
        config: for the store, the experiment and the project's name.
        run: what to tell.
        alias: champion or challenger.

    Raises:
        ConfigError: if the store cannot be used.
    """
    with open_store(config) as mlflow:
        experiment = _experiment(mlflow, config)
        with mlflow.start_run(experiment_id=experiment, run_name=run.name) as started:
            mlflow.log_params(dict(run.params))
            mlflow.log_metrics({name: value for name, value in run.metrics.items() if value == value})  # noqa: PLR0124
            mlflow.log_dict(dict(run.facts), "data.json")
            for name, figure in run.figures.items():
                mlflow.log_figure(figure, name)
            for name, text in run.texts.items():
                mlflow.log_text(text, name)
            for number, trial in enumerate(run.trials, start=1):
                _log_trial(mlflow, experiment, number, trial)
            logged = _log_model(mlflow, run)
        return Tracked(started.info.run_id, _register(mlflow, config.project, logged, alias), alias)


def _log_trial(mlflow: Any, experiment: str, number: int, trial: Mapping[str, Any]) -> None:
    asked = dict(trial)
    log_loss = asked.pop("log_loss")
    with mlflow.start_run(experiment_id=experiment, run_name=f"trial {number}", nested=True):
        mlflow.log_params(asked)
        mlflow.set_tag("given_up", str(log_loss is None).lower())
        if log_loss is not None:
            mlflow.log_metric("log_loss", log_loss)


def log_backtest(config: Config, figures: Mapping[str, Any], plots: Mapping[str, Any]) -> str:
    """Log a backtest as a run with a child for each as_of, and give its id.

    Args:
        config: for the store and the experiment.
        figures: the content of `backtest.json`.
        plots: Matplotlib figures by file name.

    Raises:
        ConfigError: if the store cannot be used.
    """
    with open_store(config) as mlflow:
        experiment = _experiment(mlflow, config)
        days = [judged["as_of"] for judged in figures["as_ofs"]]
        with mlflow.start_run(experiment_id=experiment, run_name=f"{config.project} backtest {days[-1]}") as parent:
            mlflow.log_params({"horizon_days": figures["horizon_days"], "as_ofs": ", ".join(days)})
            _log_methods(mlflow, figures["pooled"]["methods"])
            mlflow.log_dict(dict(figures), "backtest.json")
            for name, plot in plots.items():
                mlflow.log_figure(plot, name)
            for judged in figures["as_ofs"]:
                with mlflow.start_run(experiment_id=experiment, run_name=judged["as_of"], nested=True):
                    mlflow.log_params({"as_of": judged["as_of"], "learned_until": judged["learned_until"]})
                    _log_methods(mlflow, {"model": judged["model"], **judged["baselines"]})
        return str(parent.info.run_id)


def _log_methods(mlflow: Any, methods: Mapping[str, Mapping[str, float]]) -> None:
    told = {
        name if method == "model" else f"{method}.{name}": value
        for method, figures in methods.items()
        for name, value in figures.items()
    }
    mlflow.log_metrics({name: value for name, value in told.items() if value == value})  # noqa: PLR0124


def fetch_box(config: Config, uri: str) -> Path:
    """Fetch the model box of a registered model, such as `models:/online-retail@champion`.

    Raises:
        ModelError: if no such model is registered.
        ConfigError: if the store cannot be used.
    """
    missing = ModelError(
        f"there is no model {uri} in {without_secrets(config.tracking.uri)}; "
        "train one first, or name a model box with --model."
    )
    if is_not_there(config):  # MLflow would make it, which takes seconds, only to find nothing in it
        raise missing
    with open_store(config) as mlflow:
        mlflow.search_registered_models(max_results=1)  # a store that cannot be used is told apart from an empty one
        try:
            folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
        except mlflow.MlflowException:
            raise missing from None
        boxes = [path.parent for path in (folder / _BOX).glob("*/manifest.json")]
        if not boxes:
            raise ModelError(f"{uri} was not logged by clm-ml: it holds no model box.")
        return boxes[0]


def _log_model(mlflow: Any, run: Run) -> Any:
    """Log the box as a pyfunc, without an example: it would be somebody's row."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module=f"{__package__}.served",
            data_path=str(run.box),
            signature=_signature(run.columns),
            pip_requirements=[f"clm-ml=={version('clm-ml')}"],
        )


def _register(mlflow: Any, name: str, logged: Any, alias: str) -> str:
    """Register a logged model under the project's name, and give the version its alias."""
    client = mlflow.MlflowClient()
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        with _unless_there(mlflow):
            client.create_registered_model(name)
    made = client.create_model_version(name, logged.model_uri, run_id=logged.run_id, model_id=logged.model_id)
    client.set_registered_model_alias(name, alias, made.version)
    return str(made.version)


def _experiment(mlflow: Any, config: Config) -> str:
    """Find the experiment, or make it with its artifacts beside a SQLite store, not in the working folder."""
    name = config.tracking.experiment or config.project
    known = mlflow.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    beside, uri = None, placed(config)
    if uri.startswith(SQLITE):
        folder = re.sub(r"[^\w. -]|^[. ]+", "_", name)  # a name with a slash or dots would lead out of it
        beside = (Path(uri.removeprefix(SQLITE)).parent / "mlartifacts" / folder).as_uri()
    with _unless_there(mlflow):
        return str(mlflow.create_experiment(name, artifact_location=beside))
    return str(mlflow.get_experiment_by_name(name).experiment_id)


@contextmanager
def _unless_there(mlflow: Any) -> Iterator[None]:
    """Make something that another run may just have made: one of them does, and both go on."""
    try:
        yield
    except mlflow.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _signature(columns: Sequence[str]) -> Any:
    """Name what a row must have, of any type: of a value with another type MLflow would quote the row, and log it.

    What the types are, and whether anything is missing, the model itself asks.
    """
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types import ColSpec, Schema  # noqa: PLC0415
    from mlflow.types.schema import AnyType  # noqa: PLC0415

    anything = AnyType()  # type: ignore[no-untyped-call]
    inputs: list[Any] = [ColSpec(anything, name, required=False) for name in ("customer_id", *columns)]
    outputs: list[Any] = [ColSpec(kind, name, required=False) for name, kind in OUTPUTS]
    return ModelSignature(Schema(inputs), Schema(outputs))
