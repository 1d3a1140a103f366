"""One run a training, its model registered, fetched again by name, and served; no person's id in the store."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

import clm_ml as clm
from clm_ml.errors import ConfigError, ModelError
from clm_ml.evaluation import Verdict
from clm_ml.model import load_model
from clm_ml.pipeline import training
from clm_ml.tracking import Run, fetch_box, log_backtest, log_run
from clm_ml.tracking.opening import open_store
from clm_ml.tracking.store import OUTPUTS
from tests.conftest import make_config, make_simulated

AS_OF = "2025-08-01"
STORE = "sqlite:///mlflow.db"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make_simulated(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def tracked(shop, tmp_path_factory):
    """Train twice: a model that passes the gate, then one that does not; the working folder is elsewhere."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    before = Path.cwd()
    os.chdir(elsewhere)
    with pytest.MonkeyPatch.context() as patch:
        try:
            patch.setattr(training, "gate", lambda *_: Verdict(True, "passed for the test"))
            first = clm.train_box(shop, as_of=AS_OF, folder=shop.home / "first")
            patch.setattr(training, "gate", lambda *_: Verdict(False, "failed for the test"))
            second = clm.train_box(shop, folder=shop.home / "second")
        finally:
            os.chdir(before)
    return SimpleNamespace(first=first, second=second, elsewhere=elsewhere)


@pytest.fixture(scope="module")
def mlflow(shop, tracked):
    import mlflow

    uri = f"sqlite:///{shop.home}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    yield mlflow
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture(scope="module")
def features(shop):
    return clm.describe(clm.read_tables(shop), AS_OF, shop.task).to_pandas()


@pytest.fixture(scope="module")
def served(mlflow, shop):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        return mlflow.pyfunc.load_model(f"models:/{shop.project}@champion")


def test_a_notebook_points_mlflow_where_it_likes_afterwards(mlflow, shop, tmp_path):
    one, two, own = (f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two", "own"))
    before = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", one)
        patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        try:
            mlflow.set_registry_uri(None)
            mlflow.set_tracking_uri(one)
            fetch_box(shop, f"models:/{shop.project}@champion")
            assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == (one, one)
            assert "MLFLOW_REGISTRY_URI" not in os.environ
            mlflow.set_tracking_uri(two)
            assert mlflow.get_registry_uri() == two
            mlflow.set_registry_uri(own)
            fetch_box(shop, f"models:/{shop.project}@champion")
            assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == (two, own)
        finally:
            mlflow.set_tracking_uri(before)
            mlflow.set_registry_uri(before)


def test_the_store_and_its_artifacts_lie_beside_the_config_and_not_in_the_working_folder(shop, tracked):
    assert (shop.home / "mlflow.db").is_file()
    assert [path.name for path in (shop.home / "mlartifacts").iterdir()] == [shop.tracking.experiment]
    assert list(tracked.elsewhere.iterdir()) == []


def test_a_run_tells_what_was_asked_for_how_it_was_judged_and_of_which_data(mlflow, tracked):
    run = mlflow.get_run(tracked.first.tracked.run_id)
    facts = tracked.first.model.facts
    assert run.info.run_name == f"simulated-shop {AS_OF}"
    assert run.data.params["task.horizon_days"] == "90"
    assert run.data.params["lapse.after_gaps"] == "2.0"
    assert run.data.params["as_of"] == AS_OF
    assert run.data.params["seed"] == "1"
    judged = facts["evaluation"]
    assert run.data.metrics["auc"] == judged["model"]["auc"]
    assert run.data.metrics["value.gini"] == judged["value"]["gini"]
    for name, figures in judged["baselines"].items():
        assert run.data.metrics[f"{name}.log_loss"] == figures["log_loss"]
    assert "constant_rate.calibration_slope" not in run.data.metrics  # it has none
    kept = {file.path for file in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)}
    assert kept == {"data.json", "gains.png", "model_card.md", "reliability.png"}
    data = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/data.json"))
    assert data["tables"]["orders"]["used"] == facts["data"]["tables"]["orders"]["used"]
    assert data["gate"] == {"passed": True, "why": "passed for the test"}


def test_who_passes_the_gate_is_champion_and_who_does_not_is_challenger(mlflow, shop, tracked):
    client = mlflow.MlflowClient()
    champion = client.get_model_version_by_alias(shop.project, "champion")
    challenger = client.get_model_version_by_alias(shop.project, "challenger")
    assert (tracked.first.tracked.version, tracked.first.tracked.alias) == ("1", "champion")
    assert (tracked.second.tracked.version, tracked.second.tracked.alias) == ("2", "challenger")
    assert (str(champion.version), champion.run_id) == ("1", tracked.first.tracked.run_id)
    assert (str(challenger.version), challenger.run_id) == ("2", tracked.second.tracked.run_id)
    assert len(client.search_registered_models()) == 1


def test_the_box_of_a_registered_model_is_the_one_that_was_written(shop, tracked, features):
    for alias, trained in (("champion", tracked.first), ("challenger", tracked.second)):
        fetched = fetch_box(shop, f"models:/{shop.project}@{alias}")
        files = {path.name: path.read_bytes() for path in fetched.iterdir()}
        assert files == {path.name: path.read_bytes() for path in trained.box.iterdir()}
    said = load_model(fetched).score(features)
    assert_frame_equal(said, tracked.second.model.score(features), check_exact=True)


def test_a_model_that_is_not_registered_is_missed_in_words(shop, tracked):
    for uri in ("models:/nobody@champion", "models:/simulated-shop@nobody", "models:/simulated-shop/9", "models:/"):
        with pytest.raises(ModelError) as refused:
            fetch_box(shop, uri)
        assert refused.value.exit_code == 14
        assert str(refused.value) == (
            f"there is no model {uri} in sqlite:///mlflow.db; train one first, or name a model box with --model."
        )


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("nowhere://me:secret@host/db?password=secret", "nowhere://…@host/db"),
        ("http://me:secret@127.0.0.1:9/", "http://…@127.0.0.1:9/"),
        ("sqlite:///first/mlflow.db", "sqlite:///first/mlflow.db"),
    ],
)
def test_a_store_that_cannot_be_used_is_told_without_its_secrets(uri, shown, shop, tracked, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "first").write_text("a file, no folder", encoding="utf-8")
    tracking = shop.tracking.model_copy(update={"uri": uri})
    config = shop.model_copy(update={"tracking": tracking, "home": tmp_path})
    run = Run("run", {}, {}, {}, {}, tracked.first.box, {})
    for use in (lambda: log_run(config, run, "champion"), lambda: fetch_box(config, "models:/shop@champion")):
        with pytest.raises(ConfigError) as refused:
            use()
        assert str(refused.value).startswith(f"tracking.uri {shown} cannot be used (")
        assert "secret" not in str(refused.value)
        assert (refused.value.__cause__, refused.value.__suppress_context__) == (
            None,
            True,
        )  # so that no traceback tells the secret


def test_a_store_that_fails_in_the_midst_is_one_sentence_and_quotes_nothing(shop, tmp_path, capfd):
    config = shop.model_copy(update={"home": tmp_path})

    def look(mlflow):
        with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
            store.execute("DROP TABLE experiments")
            store.commit()
        mlflow.get_experiment_by_name("klara")

    with pytest.raises(ConfigError, match="cannot be used"), open_store(config) as mlflow:
        look(mlflow)
    assert capfd.readouterr().err == ""


def log_nothing(folder):
    orders = pd.DataFrame(columns=["customer_id", "ordered_at", "amount"])
    config = make_config({"orders": orders}, "2024-12-31", tracking={"uri": STORE})
    judged = {"as_of": "2024-06-01", "learned_until": "2024-06-01", "model": {}, "baselines": {}}
    figures = {"as_ofs": [judged], "horizon_days": 90, "pooled": {"methods": {}}}
    return log_backtest(config.model_copy(update={"home": folder}), figures, {})


def test_a_store_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    """MLflow makes it in dozens of steps, and can neither use nor mend one that has a part of them."""
    with monkeypatch.context() as patch:
        patch.setattr("alembic.command.upgrade", lambda *_: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            log_nothing(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert log_nothing(tmp_path)


def test_an_experiment_that_another_run_has_just_made_is_used(tmp_path, monkeypatch):
    import mlflow

    first, find = log_nothing(tmp_path), mlflow.get_experiment_by_name
    answers = iter([None])
    monkeypatch.setattr(mlflow, "get_experiment_by_name", lambda name: next(answers, find(name)))
    second = log_nothing(tmp_path)
    runs = sqlite3.connect(tmp_path / STORE.removeprefix("sqlite:///")).execute("SELECT run_uuid FROM runs").fetchall()
    assert {(first,), (second,)} < {*runs}


def test_no_customers_id_appears_in_any_file_of_the_store(shop, tracked):
    ids = pq.read_table(shop.home / "truth.parquet")["customer_id"].to_pylist()
    written = re.compile(rb"C0000\d\d\d")
    assert all(written.fullmatch(customer.encode()) for customer in ids)
    files = [shop.home / "mlflow.db", *(p for p in (shop.home / "mlartifacts").rglob("*") if p.is_file())]
    assert len(files) > 10
    assert [file.name for file in files if written.search(file.read_bytes())] == []


# serving ---------------------------------------------------------------------------------------------------


def as_served(scores):
    """Give the columns that are served; days as text."""
    days = [name for name in scores if name.endswith("_on")]
    texts = scores[days].astype(object).map(lambda day: None if pd.isna(day) else str(day))
    return scores.assign(**texts)[[name for name, _ in OUTPUTS]]


def test_the_served_model_scores_a_frame_of_features_as_the_box_does(served, tracked, features):
    said = served.predict(features)
    assert len(said) == len(features)
    expected = as_served(tracked.first.model.score(features, reasons=False))
    assert expected["next_order_on"].notna().any()
    assert expected["next_order_on"].isna().any()
    assert_frame_equal(said, expected, check_exact=True, check_dtype=False)


def test_one_customer_is_served_whatever_is_null(served, features):
    everyone = served.predict(features)
    for row in [features.index[0], features.index[features["orders_ever"] == 0][0]]:
        assert_frame_equal(served.predict(features.loc[[row]]), everyone.loc[[row]], check_exact=True)


def test_the_served_model_takes_what_json_makes_of_the_features(mlflow, served, features):
    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    rows = features.head(30)
    sent = {"dataframe_split": json.loads(rows.to_json(orient="split", index=False, double_precision=15))}
    received = infer_and_parse_data(sent, served.metadata.get_input_schema())
    received = received[0] if isinstance(received, tuple) else received
    assert_frame_equal(served.predict(received), served.predict(rows), rtol=1e-9)


def test_the_signature_names_every_feature(served, tracked):
    names = [spec.name for spec in served.metadata.get_input_schema().inputs]
    assert names == ["customer_id", *tracked.first.model.features()]
    outputs = served.metadata.get_output_schema().inputs
    assert [(spec.name, spec.type.name) for spec in outputs] == list(OUTPUTS)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda rows: rows.drop(columns="orders_last_90d"),
        lambda rows: rows.assign(orders_ever="many"),
        lambda rows: rows.to_numpy()[:, :3],
    ],
)
def test_the_served_model_refuses_what_has_another_shape(wrong, mlflow, served, features):
    with pytest.raises((mlflow.MlflowException, ModelError)):
        served.predict(wrong(features.head(3)))


@pytest.fixture(scope="module")
def address(shop, tracked, tmp_path_factory):
    """Serve the champion as a person would, `mlflow models serve`, on a port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "mlflow", "models", "serve", "-m", f"models:/{shop.project}@champion", "--env-manager", "local"]
    uri = f"sqlite:///{shop.home}/mlflow.db"
    settings = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_REGISTRY_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = tmp_path_factory.mktemp("served") / "log"
    with log.open("w", encoding="utf-8") as out:
        server = subprocess.Popen(
            [sys.executable, *command, "--port", str(port), "--workers", "1"],
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **settings},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield _once_up(f"http://127.0.0.1:{port}", server, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _once_up(address, server, log):
    for _ in range(300):
        assert server.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=5):
                return SimpleNamespace(url=address, log=log)
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text(encoding="utf-8"))


def _invoke(address, rows):
    sent = {"dataframe_split": json.loads(rows.to_json(orient="split", index=False, double_precision=15))}
    asked = urllib.request.Request(
        f"{address.url}/invocations", json.dumps(sent).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.mark.slow
def test_the_champion_answers_over_http_as_the_box_does_and_refuses_another_shape(address, tracked, features):
    rows = features.head(40)
    status, answer = _invoke(address, rows)
    assert status == 200
    said = pd.DataFrame(json.loads(answer)["predictions"])
    expected = as_served(tracked.first.model.score(rows, reasons=False))
    assert_frame_equal(said, expected, check_dtype=False, rtol=1e-9)
    for wrong in (
        rows.drop(columns="orders_last_90d"),
        rows.assign(orders_ever="anna@example.org"),
        rows[["customer_id"]],
    ):
        status, answer = _invoke(address, wrong)
        assert status == 400
        assert not any(told in answer for told in ("anna@example.org", *rows["customer_id"]))
    assert "anna@example.org" not in address.log.read_text(encoding="utf-8")


def test_nothing_registered_is_a_pickle_or_code_nor_names_a_machine(shop, tracked):
    folder = fetch_box(shop, f"models:/{shop.project}@champion").parents[1]
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= {
        "",
        ".txt",
        ".json",
        ".yaml",
        ".md",
        ".yml",
    }
    assert "loader_module: clm_ml.tracking.served" in (folder / "MLmodel").read_text(encoding="utf-8")
    for file in (path for path in folder.rglob("*") if path.is_file()):
        text = file.read_bytes().decode("utf-8")
        assert str(shop.home) not in text or file.name == "MLmodel"
    required = (folder / "requirements.txt").read_text(encoding="utf-8")
    assert [line.partition("==")[0] for line in required.splitlines()] == ["mlflow", "clm-ml"]
