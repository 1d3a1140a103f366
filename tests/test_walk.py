"""The walk through the command line: simulate, check, train, score, export; exit codes and sentences."""

from __future__ import annotations

import csv
import json
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from clm_ml.cli import app
from clm_ml.evaluation import Verdict
from clm_ml.model import load_model
from clm_ml.pipeline import Trained
from clm_ml.tracking import Tracked
from tests.browser import is_well, needs_browser

DAY = "2025-12-31"
WANTED = {"cannot_lose", "at_risk", "falling_asleep"}
TABLES = ("orders", "events", "customers", "contacts", "spend")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def told(self) -> dict:
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def run(*arguments: object) -> Done:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Done(done.exit_code, done.stdout, done.stderr)


def run_process(*arguments: object, before: str = "", wrapper: tuple[str, ...] = (), **options: object) -> Done:
    """Run the command line as a process of its own; `before` is Python that mends or breaks it first."""
    start = ["-c", f"{before}\nfrom clm_ml.cli import main\nmain()"] if before else ["-m", "clm_ml"]
    command = [*wrapper, sys.executable, *start, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
    return Done(done.returncode, done.stdout, done.stderr)


def everything(folder: Path) -> dict[str, bytes]:
    """Read all files there are, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_one_sentence(done: Done, code: int, because: str) -> bool:
    lines = done.err.splitlines()
    assert (done.code, [line[:7] for line in lines]) == (code, ["error: "]), done
    assert because in lines[0], done.err
    assert lines[0].endswith((".", "?")), done.err
    return True


def config_of(shop: Path, folder: Path, **changes: object) -> Path:
    """Write the shop's config elsewhere, with other keys; a table given as None is left out."""
    content = yaml.safe_load((shop / "fast.yaml").read_text())
    for name, table in content["tables"].items():
        table["source"] = str(shop / f"{name}.parquet")
    content["tables"] = {
        name: table for name, table in (content["tables"] | changes.pop("tables", {})).items() if table is not None
    }
    content["tracking"] = {"uri": f"sqlite:///{shop / 'mlflow.db'}"}
    path = folder / "clm.yaml"
    path.write_text(yaml.safe_dump(content | changes, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk") / "shop"
    assert run("simulate", "--customers", 600, "--seed", 3, "--out", folder).code == 0
    content = yaml.safe_load((folder / "shop.yaml").read_text())
    content |= {"train": {"step_days": 60, "most_as_ofs": 4}, "threads": 1, "complete_until": DAY}
    (folder / "fast.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def trained(shop: Path) -> Done:
    return run("train", shop / "fast.yaml", "--model", shop / "model", "--json")


@pytest.fixture(scope="module")
def scored(shop: Path, trained: Done) -> Path:
    assert run("score", shop / "fast.yaml", "--model", shop / "model", "--out", shop / "scores").code == 0
    return shop / "scores"


@pytest.fixture(scope="module")
def exported(shop: Path, scored: Path) -> Done:
    return run(
        "export", shop / "fast.yaml", "--scores", scored, "--campaign", "autumn", "--out", shop / "list", "--json"
    )


# The walk


def test_check_tells_what_is_there_and_what_is_missing(shop: Path, tmp_path: Path) -> None:
    done = run("check", shop / "fast.yaml", "--json")
    assert done.code == 0
    assert set(done.told["tables"]) == set(TABLES)
    assert done.told["missing"] == {}
    assert done.told["complete_until"] == DAY
    without = run("check", config_of(shop, tmp_path, tables={"events": None, "spend": None}))
    assert "no events: " in without.out
    assert "no spend: " in without.out
    assert "A good threshold calls many lapsed, and few of the later orders theirs" in without.out
    assert without.out.endswith(f"next: clm-ml train {tmp_path / 'clm.yaml'}\n")


def test_train_says_what_comes_next(shop: Path, trained: Done, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(shop / "model")
    done = Trained(model, shop / "model", Verdict(passed=True, why="it is better"), Tracked("a run", "1", "champion"))
    monkeypatch.setattr("clm_ml.pipeline.train_box", lambda *_, **__: done)
    told = run("train", shop / "fast.yaml")
    assert "; no interval has closed\n" in told.out, "a share of none is no number"
    assert told.out.endswith(f"champion\nnext: clm-ml score {shop / 'fast.yaml'} --out scores/{DAY}\n")


def test_rejected_rows_are_kept_on_request_for_their_owner_only(shop: Path, tmp_path: Path) -> None:
    orders = pd.read_parquet(shop / "orders.parquet")
    orders.loc[:4, "customer_id"] = None
    orders.to_parquet(tmp_path / "orders.parquet")
    source = yaml.safe_load((shop / "fast.yaml").read_text())["tables"]["orders"]
    path = config_of(shop, tmp_path, tables={"orders": source | {"source": "orders.parquet"}})
    done = run("check", path, "--quarantine", tmp_path / "kept", "--json")
    assert done.told["tables"]["orders"]["rejected"] == {"no customer": 5}
    kept = pd.read_parquet(tmp_path / "kept/orders.parquet")
    assert kept["reason"].tolist() == ["no customer"] * 5
    assert stat.S_IMODE((tmp_path / "kept/orders.parquet").stat().st_mode) == 0o600
    before = everything(tmp_path)
    assert is_one_sentence(run("check", path, "--quarantine", tmp_path / "kept"), 15, "--force")
    assert everything(tmp_path) == before
    assert run("check", path, "--quarantine", tmp_path / "kept", "--force").code == 0


def test_a_model_is_promoted_or_the_reason_is_told(trained: Done) -> None:
    assert trained.code in (0, 17)
    assert trained.told["gate"]["passed"] == (trained.code == 0)
    assert trained.told["alias"] == ("champion" if trained.code == 0 else "challenger")
    assert ("error: " in trained.err) == (trained.code == 17)
    assert set(trained.told["evaluation"]["baselines"]) == {"constant_rate", "recency_rule", "logistic_rfm", "bg_nbd"}


def test_the_champion_scores_as_its_box_does(shop: Path, trained: Done, scored: Path, tmp_path: Path) -> None:
    uri = f"models:/simulated-shop@{trained.told['alias']}"
    named = () if trained.code == 0 else ("--model", uri)
    done = run("score", shop / "fast.yaml", *named, "--out", tmp_path / "scores", "--json")
    assert done.code == 0
    assert (tmp_path / "scores/scores.parquet").read_bytes() == (scored / "scores.parquet").read_bytes()
    assert json.loads((tmp_path / "scores/manifest.json").read_text())["facts"]["model"]["at"] == uri


def test_stages_are_measured_by_the_models_cut_points(shop: Path, trained: Done) -> None:
    done = run("kpis", shop / "fast.yaml", "--model", shop / "model", "--json")
    assert done.code == 0, done.err
    assert {row["kpi"] for row in done.told["kpis"]} == set(done.told["definitions"])


def test_scores_have_one_row_a_customer_in_order_of_their_id(scored: Path) -> None:
    scores = pd.read_parquet(scored / "scores.parquet")
    assert scores["customer_id"].is_unique
    assert scores["customer_id"].is_monotonic_increasing
    assert set(scores["as_of"].astype(str)) == {DAY}
    known = scores["churn_probability"].notna()
    assert np.allclose(scores["churn_probability"][known] + scores["order_probability"][known], 1)


def test_a_list_has_two_arms_in_two_files_ranked_by_profit(shop: Path, exported: Done) -> None:
    assert exported.code == 0
    contact, holdout = (read_list(shop / "list" / name) for name in ("contact.csv", "holdout.csv"))
    both = pd.concat([contact, holdout]).astype({"rank": int, "expected_profit": float}).sort_values("rank")
    assert both["rank"].tolist() == list(range(1, len(both) + 1))
    assert both["customer_id"].is_unique
    assert (both["expected_profit"].diff().dropna() <= 0).all()
    assert (both["expected_profit"] >= 0).all()
    assert set(contact["arm"]) == {"contact"}
    assert set(holdout["arm"]) == {"holdout"}
    becomes = both[["becomes_at_risk_probability", "becomes_cannot_lose_probability"]].replace("", "0").astype(float)
    assert both["segment"].isin(WANTED).equals(becomes.max(axis=1) < 0.5), "others are marked by what they will be"
    assert (both["favourite_category"] != "").any()
    assert (both["play"] != "").all()
    assert set(both["scored_on"]) == {DAY}
    assert set(both["campaign"]) == {"autumn"}
    assert (both["reason_1"] != "").all()
    assert (exported.told["contact"], exported.told["holdout"]) == (len(contact), len(holdout))


def test_nobody_is_listed_without_consent(shop: Path, exported: Done) -> None:
    customers = pd.read_parquet(shop / "customers.parquet").set_index("customer_id")
    listed = [
        *read_list(shop / "list/contact.csv")["customer_id"],
        *read_list(shop / "list/holdout.csv")["customer_id"],
    ]
    assert (customers.loc[listed, "may_contact"] == True).all()  # noqa: E712
    assert not (customers.loc[listed, "may_profile"] == False).any()  # noqa: E712


def test_the_holdout_is_in_no_file_of_a_destination(shop: Path, exported: Done) -> None:
    sent = pd.read_csv(shop / "list/table/customers.csv", dtype=str)
    assert sent["Customer"].tolist() == read_list(shop / "list/contact.csv")["customer_id"].tolist()
    assert {"E-mail", "Phone", "Country"} <= set(sent.columns)


def test_a_list_is_its_owners_only_to_read(shop: Path, exported: Done) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (shop / "list").rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE((shop / "list").stat().st_mode) == 0o700


def test_a_list_is_replaced_only_by_force_and_then_by_the_same_bytes(shop: Path, exported: Done) -> None:
    before = everything(shop / "list")
    asked = ("export", shop / "fast.yaml", "--scores", shop / "scores", "--campaign", "autumn", "--out", shop / "list")
    assert is_one_sentence(run(*asked), 15, "--force")
    assert everything(shop / "list") == before
    assert run(*asked, "--force").code == 0
    assert everything(shop / "list") == before


def test_a_second_campaign_leaves_the_first_alone(shop: Path, exported: Done, tmp_path: Path) -> None:
    asked = ("export", shop / "fast.yaml", "--scores", shop / "scores", "--campaign", "winter")
    assert is_one_sentence(run(*asked, "--out", tmp_path / "list"), 16, "in another live campaign")
    assert list(tmp_path.iterdir()) == []


def test_reasons_left_out_by_score_are_filled_by_export(shop: Path, exported: Done, tmp_path: Path) -> None:
    asked = ("--model", shop / "model", "--reasons", 0, "--out", tmp_path / "scores")
    assert run("score", shop / "fast.yaml", *asked).code == 0
    assert pd.read_parquet(tmp_path / "scores/scores.parquet")["reason_1"].isna().all()
    asked = ("--scores", tmp_path / "scores", "--campaign", "autumn", "--out", tmp_path / "list")
    assert run("export", shop / "fast.yaml", *asked).code == 0
    for name in ("contact.csv", "holdout.csv"):
        assert (tmp_path / "list" / name).read_bytes() == (shop / "list" / name).read_bytes()


def test_warnings_are_on_stderr_and_stdout_is_json_alone(shop: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, complete_until=None)
    done = run_process("check", path, "--json")
    assert done.code == 0
    assert done.err.startswith("warning: complete_until is not declared")
    assert json.loads(done.out)["warnings"] == [done.err.removeprefix("warning: ").strip()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, run_process("demo", "demo", cwd=folder)


@pytest.mark.slow
def test_the_demo_walks_a_real_shop(demo: tuple[Path, Done]) -> None:
    folder, done = demo
    assert done.code in (0, 17), done.err
    assert "4,338 customers have ordered since 2010-12-01" in done.out
    listed = read_list(folder / "demo/lists/autumn/contact.csv")
    others = listed[~listed["segment"].isin(WANTED)]
    likely = others[["becomes_at_risk_probability", "becomes_cannot_lose_probability"]].astype(float)
    assert (likely.max(axis=1) >= 0.5).all(), "who is of another segment is about to be in one of these"
    assert [path.name for path in folder.iterdir()] == ["demo"]
    assert not list((folder / "demo").rglob(".*"))


@pytest.mark.slow
@needs_browser
def test_the_report_of_the_demo_is_well_in_a_browser(demo: tuple[Path, Done], tmp_path: Path) -> None:
    folder, done = demo
    assert "open it in a browser: demo/reports/2011-09-11.html" in done.out
    assert is_well(folder / "demo/reports/2011-09-11.html", tmp_path, figures=10)


def test_a_model_box_keeps_curves_of_its_judgement_and_nobody(shop: Path, trained: Done, scored: Path) -> None:
    text = (shop / "model/evaluation.json").read_text(encoding="utf-8")
    told = json.loads(text)
    curves, judged = told["curves"], told["evaluation"]
    methods = {"model", *judged["baselines"]}
    assert {*curves["gains"]} == {*curves["profit"]} == methods
    for name in methods:
        gains, profit = curves["gains"][name], curves["profit"][name]
        assert (gains["found"][0], gains["found"][-1], gains["contacted"][-1]) == (0, 1, judged["customers"])
        assert gains["found"] == sorted(gains["found"])
        assert (profit["contacted"][0], profit["earned"][0]) == (0, 0)
        assert len(gains["contacted"]) <= 121, "thinned"
    assert sum(group["customers"] for group in curves["reliability"]) == judged["customers"]
    assert {driver["theme"] for driver in curves["drivers"]} >= {"recency", "frequency", "visit"}
    assert not [name for name in pd.read_parquet(scored / "scores.parquet")["customer_id"] if name in text]


def test_a_report_is_written_from_boxes_and_says_the_one_thing_to_know(
    shop: Path, scored: Path, exported: Done, tmp_path: Path
) -> None:
    asked = ("report", shop / "fast.yaml", "--scores", scored, "--list", shop / "list", "--out", tmp_path / "r.html")
    done = run(*asked, "--json")
    assert done.code == 0, done.err
    assert done.told["report"] == str(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert done.told["headline"] in page
    assert stat.S_IMODE((tmp_path / "r.html").stat().st_mode) == 0o600
    assert page.count("<figure>") == 10, "with the curves that training has kept"
    assert "@example.org" not in page
    assert is_one_sentence(run(*asked), 15, "exists already")
    assert "@example.org" in run_and_read(*asked, "--reveal", "--rows", 3, "--force", at=tmp_path / "r.html")


def run_and_read(*arguments: object, at: Path) -> str:
    assert run(*arguments).code == 0
    return at.read_text(encoding="utf-8")


def read_list(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8", newline="") as file:
        return pd.DataFrame(list(csv.DictReader(file)))


# The same bytes


@pytest.fixture(scope="module")
def again(shop: Path, trained: Done, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Walk again over shuffled rows with poison after the end, on two threads."""
    folder = tmp_path_factory.mktemp("again")
    for name in TABLES:
        rows = pd.read_parquet(shop / f"{name}.parquet")
        rows = pd.concat([rows, poison(rows)]).sample(frac=1, random_state=5)
        rows.to_parquet(folder / f"{name}.parquet")
    content = yaml.safe_load((shop / "fast.yaml").read_text())
    for table in content["tables"].values():
        table["max_rejected_share"] = 1
    (folder / "clm.yaml").write_text(yaml.safe_dump(content | {"threads": 2}, sort_keys=False))
    run("train", folder / "clm.yaml", "--model", folder / "model")
    run("score", folder / "clm.yaml", "--model", folder / "model", "--out", folder / "scores")
    asked = ("--scores", folder / "scores", "--campaign", "autumn", "--out", folder / "list")
    assert run("export", folder / "clm.yaml", *asked).code == 0
    return folder


def poison(rows: pd.DataFrame) -> pd.DataFrame:
    """Repeat a table's rows after its end, tenfold in amount; people have no day to be late by."""
    day = next((name for name in ("ordered_at", "occurred_at", "contacted_at", "spent_on") if name in rows), None)
    if day is None:
        return rows.iloc[:0]
    late = rows.head(len(rows) // 2).copy()
    after = pd.Series(pd.Timestamp(DAY) + pd.to_timedelta(np.arange(len(late)) % 50, unit="D"), index=late.index)
    late[day] = after.dt.date if rows[day].dtype == object else after.astype(rows[day].dtype)
    return late.assign(amount=late["amount"] * 10) if "amount" in late else late


@pytest.mark.parametrize("name", ["scores/scores.parquet", "list/contact.csv", "list/holdout.csv"])
def test_order_of_rows_threads_and_the_future_move_no_byte(shop: Path, exported: Done, again: Path, name: str) -> None:
    assert (again / name).read_bytes() == (shop / name).read_bytes()


def test_order_of_rows_threads_and_the_future_move_no_byte_of_the_model(shop: Path, again: Path) -> None:
    first, second = (everything(folder / "model") for folder in (shop, again))
    assert set(first) == set(second)
    cards = [files.pop("model_card.md").decode("utf-8") for files in (first, second)]
    assert len({card.split("## Data")[0] + card.split("## Task")[1] for card in cards}) == 1
    for name in set(first) - {"manifest.json"}:
        if first[name] != second[name]:  # facts may count rejected rows
            one, other = (json.loads(files[name]) for files in (first, second))
            assert without_counts(one) == without_counts(other), name


def without_counts(content: object) -> object:
    if isinstance(content, dict):
        return {key: without_counts(value) for key, value in content.items() if key != "data"}
    return content


# What goes wrong is told in one sentence, and leaves nothing behind


def refused(code: int, because: str, *arguments: object, folder: Path) -> None:
    before = everything(folder)
    assert is_one_sentence(run(*arguments), code, because)
    assert everything(folder) == before


def test_a_missing_config_is_told(tmp_path: Path) -> None:
    for verb in ("check", "train"):
        refused(11, "cannot be read", verb, tmp_path / "none.yaml", folder=tmp_path)


def test_a_misspelt_key_is_told_with_its_line(shop: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, taks={"horizon_days": 90})
    refused(11, "did you mean 'task'", "check", path, folder=tmp_path)


def test_a_missing_file_of_data_is_told(shop: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, tables={"orders": orders_from("nothing.csv")})
    refused(12, "nothing.csv", "check", path, folder=tmp_path)
    refused(12, "nothing.csv", "train", path, "--model", tmp_path / "model", folder=tmp_path)


def test_a_missing_column_is_told_with_the_nearest(shop: Path, tmp_path: Path) -> None:
    write_orders(tmp_path, ["2025-01-01"] * 3, name="orders_at")
    path = config_of(shop, tmp_path, tables={"orders": orders_from("orders.csv")})
    refused(12, "did you mean 'orders_at'", "check", path, folder=tmp_path)


@pytest.mark.parametrize("day", ["yesterday", "1850-01-01"])
def test_rejecting_every_row_is_told(shop: Path, tmp_path: Path, day: str) -> None:
    write_orders(tmp_path, [day] * 3)
    path = config_of(shop, tmp_path, tables={"orders": orders_from("orders.csv")})
    refused(12, "every row is rejected", "check", path, "--quarantine", tmp_path / "kept", folder=tmp_path)


def test_a_day_too_late_is_told(shop: Path, scored: Path, tmp_path: Path) -> None:
    late = ("--as-of", "2026-02-01")
    asked = ("score", shop / "fast.yaml", "--model", shop / "model", "--out", tmp_path / "scores")
    refused(13, "too late: data are complete until 2025-12-31", *asked, *late, folder=tmp_path)
    refused(13, "2025-12-31", "train", shop / "fast.yaml", "--model", tmp_path / "model", *late, folder=tmp_path)


def test_a_day_too_early_is_told(shop: Path, scored: Path, tmp_path: Path) -> None:
    asked = ("train", shop / "fast.yaml", "--model", tmp_path / "model", "--as-of", "2024-02-01")
    refused(13, "too early to learn", *asked, folder=tmp_path)
    asked = ("score", shop / "fast.yaml", "--model", shop / "model", "--out", tmp_path / "s", "--as-of", "2023-01-01")
    refused(13, "2023-01-01", *asked, folder=tmp_path)


def test_a_label_window_that_is_not_closed_is_told(shop: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, train={"as_ofs": ["2025-06-01", "2025-11-01"]})
    refused(13, "2025-11-01", "train", path, "--model", tmp_path / "model", folder=tmp_path)


@pytest.mark.parametrize("verb", ["train", "score"])
def test_a_day_that_is_none_is_told_before_any_work(shop: Path, tmp_path: Path, verb: str) -> None:
    path = config_of(shop, tmp_path, tables={"orders": orders_from("nothing.csv")})
    out = "--model" if verb == "train" else "--out"
    refused(13, "YYYY-MM-DD", verb, path, "--as-of", "31.12.2025", out, tmp_path / "box", folder=tmp_path)


def test_one_outcome_only_is_told(shop: Path, tmp_path: Path) -> None:
    days = [str(day.date()) for day in pd.date_range("2024-01-01", "2025-12-30", freq="10D")]
    write_orders(tmp_path, days)
    path = config_of(shop, tmp_path, tables=dict.fromkeys(TABLES) | {"orders": orders_from("orders.csv")})
    refused(
        14, "nothing to learn: every customer ordered", "train", path, "--model", tmp_path / "model", folder=tmp_path
    )


def test_a_model_for_another_task_is_refused(shop: Path, scored: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, task={"horizon_days": 60})
    asked = ("score", path, "--model", shop / "model", "--out", tmp_path / "scores")
    refused(14, "horizon_days differs", *asked, folder=tmp_path)


def test_a_model_that_is_not_registered_is_told(shop: Path, scored: Path, tmp_path: Path) -> None:
    asked = ("score", shop / "fast.yaml", "--model", "models:/nobody@champion", "--out", tmp_path / "scores")
    refused(14, "there is no model models:/nobody@champion", *asked, folder=tmp_path)


def test_an_altered_box_is_refused(shop: Path, exported: Done, tmp_path: Path) -> None:
    for kind in ("model", "scores"):
        shutil.copytree(shop / kind, tmp_path / kind)
        largest = max((tmp_path / kind).iterdir(), key=lambda path: path.stat().st_size)
        largest.write_bytes(largest.read_bytes()[:-1] + b"?")
    asked = ("score", shop / "fast.yaml", "--model", tmp_path / "model", "--out", tmp_path / "new")
    refused(15, "was altered", *asked, folder=tmp_path)
    asked = ("--scores", tmp_path / "scores", "--campaign", "autumn", "--out", tmp_path / "list")
    refused(15, "was altered", "export", shop / "fast.yaml", *asked, folder=tmp_path)


def test_a_place_that_is_taken_is_refused_before_any_work(shop: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, tables={"orders": orders_from("nothing.csv")})
    (tmp_path / "box").mkdir()
    (tmp_path / "box/mine.txt").write_text("mine")
    refused(15, "exists already", "train", path, "--model", tmp_path / "box", folder=tmp_path)
    refused(15, "exists already", "score", path, "--out", tmp_path / "box", folder=tmp_path)
    refused(15, "no box of clm-ml", "score", path, "--out", tmp_path / "box", "--force", folder=tmp_path)


def test_a_place_that_cannot_be_written_is_refused_before_any_work(shop: Path, scored: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, tables={"orders": orders_from("nothing.csv")})
    (tmp_path / "file").write_text("a file, no folder")
    there = tmp_path / "file/box"
    refused(15, "cannot be written", "train", path, "--model", there, folder=tmp_path)
    refused(15, "cannot be written", "score", path, "--out", there, folder=tmp_path)
    asked = ("--scores", scored, "--campaign", "autumn", "--out", there)
    refused(15, "cannot be written", "export", path, *asked, folder=tmp_path)
    asked = ("--quarantine", there)
    refused(15, "cannot be written", "check", shop / "fast.yaml", *asked, folder=tmp_path)


def test_an_unknown_destination_is_told_before_any_work(shop: Path, scored: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path, tables={"orders": orders_from("nothing.csv")})
    asked = ("--scores", scored, "--campaign", "autumn", "--out", tmp_path / "list", "--destination", "tabel")
    refused(2, "did you mean 'table'?", "export", path, *asked, folder=tmp_path)
    refused(2, "known: table", "export", path, *asked[:-1], "carrier-pigeon", folder=tmp_path)


def test_a_destination_asked_for_twice_is_written_once(shop: Path, exported: Done, tmp_path: Path) -> None:
    asked = ("--scores", shop / "scores", "--campaign", "autumn", "--out", tmp_path / "list")
    twice = ("--destination", "table", "--destination", "table")
    assert run("export", shop / "fast.yaml", *asked, *twice).code == 0


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 101])
def test_a_campaign_without_a_proper_name_is_refused(shop: Path, scored: Path, tmp_path: Path, name: str) -> None:
    asked = ("export", shop / "fast.yaml", "--scores", scored, "--campaign", name, "--out", tmp_path / "list")
    refused(16, "a campaign's name", *asked, folder=tmp_path)


@pytest.mark.parametrize("reasons", ["-1", "many", "1.5", ""])
def test_reasons_are_a_number_or_all(shop: Path, tmp_path: Path, reasons: str) -> None:
    asked = ("score", shop / "fast.yaml", "--out", tmp_path / "scores", f"--reasons={reasons}")
    refused(2, "--reasons is a number of customers or all", *asked, folder=tmp_path)


@pytest.mark.parametrize("numbers", [("99", "1"), ("10000001", "1"), ("600", "-1")])
def test_a_shop_of_impossible_numbers_is_refused(tmp_path: Path, numbers: tuple[str, str]) -> None:
    customers, seed = numbers
    asked = ("simulate", "--customers", customers, "--seed", seed, "--out", tmp_path / "shop")
    refused(2, "must be", *asked, folder=tmp_path)
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize("arguments", [(), ("chek",), ("check",), ("score", "x.yaml"), ("check", "x", "--no-such")])
def test_calling_it_wrongly_is_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert "Usage: " in done.out + done.err


def orders_from(source: str) -> dict[str, object]:
    names = ("customer_id", "ordered_at", "amount")
    return {"source": source, "columns": dict(zip(names, names, strict=True))}


def write_orders(folder: Path, days: list[str], name: str = "ordered_at") -> None:
    rows = pd.DataFrame({"customer_id": [f"c{place % 3}" for place in range(len(days))], name: days, "amount": 9.5})
    rows.to_csv(folder / "orders.csv", index=False)


# What no sentence could foresee


def broken(monkeypatch: pytest.MonkeyPatch, how: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise how

    monkeypatch.setattr("clm_ml.pipeline.check", fail)


def test_a_bug_keeps_its_traceback_in_a_file_that_the_sentence_names(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    broken(monkeypatch, ZeroDivisionError("by nobody"))
    done = run("check", shop / "fast.yaml")
    assert is_one_sentence(done, 1, "a bug in clm-ml (ZeroDivisionError)")
    (kept,) = tmp_path.iterdir()
    assert str(kept) in done.err
    assert "ZeroDivisionError: by nobody" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_debug_shows_the_traceback(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, ZeroDivisionError("by nobody"))
    done = CliRunner().invoke(app, ["check", str(shop / "fast.yaml"), "--debug"])
    assert isinstance(done.exception, ZeroDivisionError)


def test_stopping_it_is_no_bug(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, KeyboardInterrupt())
    done = run("check", shop / "fast.yaml")
    assert (done.code, done.err) == (130, "stopped; nothing half-written was kept.\n")


def test_a_ledger_that_is_none_is_told(shop: Path, scored: Path, tmp_path: Path) -> None:
    path = config_of(shop, tmp_path)
    (tmp_path / "ledger.db").write_text("no ledger" * 100)
    asked = ("export", path, "--scores", scored, "--campaign", "autumn", "--out", tmp_path / "list")
    refused(16, "the ledger", *asked, folder=tmp_path)


# Looking back


@pytest.fixture(scope="module")
def backtested(shop: Path) -> Done:
    days = ("--as-of", "2025-07-01", "--as-of", "2025-03-01")
    return run("backtest", shop / "fast.yaml", *days, "--out", shop / "backtest", "--json")


def test_a_backtest_tells_what_each_method_said_and_what_came(shop: Path, backtested: Done) -> None:
    assert backtested.code == 0, backtested.err
    told = json.loads((shop / "backtest/backtest.json").read_text())
    assert {name: backtested.told[name] for name in told} == told
    assert [judged["as_of"] for judged in told["as_ofs"]] == ["2025-03-01", "2025-07-01"]
    rows = pd.read_parquet(shop / "backtest/predictions.parquet")
    assert rows[["as_of", "customer_id"]].apply(tuple, axis=1).is_monotonic_increasing
    said = rows["churn_probability_model"].clip(1e-12, 1 - 1e-12)
    loss = -(rows["churned"] * np.log(said) + (1 - rows["churned"]) * np.log(1 - said)).mean()
    assert told["pooled"]["methods"]["model"]["log_loss"] == pytest.approx(loss)
    assert sum(segment["customers"] for segment in told["segments"]) == told["pooled"]["customers"] == len(rows)
    for name in ("constant_rate", "recency_rule", "logistic_rfm"):
        assert rows[f"churn_probability_{name}"].between(0, 1).all()
        assert set(told["pooled"]["differences"][name]) == {"log_loss", "auc"}
    loss = -np.log(rows["came_probability_markov"]).mean()
    assert told["pooled"]["next_segment"]["markov"]["log_loss"] == pytest.approx(loss)
    for judged in (*told["as_ofs"], told["pooled"]):
        assert {"next_segment", "next_order"} <= set(judged)
    for plot in ("reliability", "gains", "profit"):
        assert (shop / f"backtest/{plot}.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_said_at_a_day_does_not_change_with_what_came_after(
    shop: Path, backtested: Done, tmp_path: Path
) -> None:
    """Whoever orders in the label window, and whoever is new then, is news to the judge, and not to the learner."""
    orders = pd.read_parquet(shop / "orders.parquet")
    later = orders["ordered_at"] >= "2025-07-01"
    orders.loc[later, "amount"] *= 7
    orders = pd.concat([orders[~later], orders[later].sample(frac=0.5, random_state=1)])
    orders.to_parquet(tmp_path / "orders.parquet")
    plan = config_of(shop, tmp_path)
    content = yaml.safe_load(plan.read_text())
    content["tables"]["orders"]["source"] = "orders.parquet"
    plan.write_text(yaml.safe_dump(content))
    assert run("backtest", plan, "--as-of", "2025-07-01", "--out", tmp_path / "backtest").code == 0
    before, after = (pd.read_parquet(folder / "backtest/predictions.parquet") for folder in (shop, tmp_path))
    before = before[before["as_of"].astype(str) == "2025-07-01"].reset_index(drop=True)
    assert before["churned"].sum() != after["churned"].sum()
    came = ["churned", "spent", "next_segment", "next_order_days", "came_probability_model", "came_probability_markov"]
    said = [name for name in before if name not in came]
    pd.testing.assert_frame_equal(before[said], after[said], check_exact=True)


def test_a_backtest_names_days_itself_and_logs_a_child_for_each(shop: Path, tmp_path: Path) -> None:
    done = run(
        "backtest",
        config_of(shop, tmp_path, train={"step_days": 120, "most_as_ofs": 2}),
        "--out",
        tmp_path / "backtest",
        "--json",
    )
    assert done.code == 0, done
    days = [judged["as_of"] for judged in done.told["as_ofs"]]
    assert days[-1] == "2025-10-02"  # its 90 days close on 2025-12-31
    assert len(days) > 1
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{shop / 'mlflow.db'}")
    runs = mlflow.search_runs(
        search_all_experiments=True, filter_string=f"tags.mlflow.parentRunId = '{done.told['run_id']}'"
    )
    assert sorted(runs["params.as_of"]) == days


@pytest.mark.parametrize(
    ("day", "because"),
    [("2025-10-03", "only until 2025-12-31"), ("2024-02-01", "too early to learn"), ("soon", "YYYY-MM-DD")],
)
def test_a_day_that_cannot_be_judged_is_refused_in_one_sentence(
    shop: Path, tmp_path: Path, day: str, because: str
) -> None:
    done = run("backtest", shop / "fast.yaml", "--as-of", day, "--out", tmp_path / "backtest")
    assert is_one_sentence(done, 13, because)
    assert not list(tmp_path.iterdir())


def test_whoever_stops_listening_stops_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "clm_ml", "simulate", "--customers", "200", "--out", str(tmp_path / "shop")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.close()
        err = process.communicate()[1]
    assert (process.returncode, err) == (0, b"")
    assert (tmp_path / "shop" / "shop.yaml").is_file()
