"""The demo: the whole walk on the real shop that ships with the package."""

from __future__ import annotations

from pathlib import Path

from clm_ml.artifacts import whole_file
from clm_ml.cli.answering import Answer
from clm_ml.cli.telling import tell_checked, tell_exported, tell_scored, tell_trained
from clm_ml.config import load_config
from clm_ml.datasets import online_retail_config, online_retail_path
from clm_ml.errors import GateError
from clm_ml.pipeline import check, export, report, score, train_box

__all__ = ["walk_demo"]

DEMO_DAY = "2011-09-11"


def walk_demo(answer: Answer, folder: Path) -> None:
    """Check, train, score, export and report the shop that ships with the package, into one folder."""
    answer.shows_people = True  # they are in the package
    path = folder / "online_retail.yaml"
    with whole_file(path, force=True) as hidden:
        hidden.write_text(_demo_config(), encoding="utf-8")
    config = load_config(path)
    answer.say(
        "Online Retail: a year of orders of a British online shop (UCI Machine Learning Repository, CC BY 4.0)\n"
    )
    tell_checked(answer, check(config, progress=answer.progress), config)
    answer.say(f"\nIt is {DEMO_DAY}. Learning from what was known before:\n")
    trained = train_box(config, DEMO_DAY, folder / "models" / DEMO_DAY, force=True, progress=answer.progress)
    tell_trained(answer, trained)
    answer.say()
    scored = score(
        config,
        folder / "scores" / DEMO_DAY,
        as_of=DEMO_DAY,
        model=str(trained.box),
        force=True,
        progress=answer.progress,
    )
    tell_scored(answer, scored)
    answer.say()
    exported = export(config, scored.box, "autumn", folder / "lists" / "autumn", force=True, progress=answer.progress)
    tell_exported(answer, exported, config)
    told = report(
        config,
        scored.box,
        folder / "reports" / f"{DEMO_DAY}.html",
        lists=[exported.box],
        force=True,
        progress=answer.progress,
    )
    answer.say(f"\n{told.headline}\nopen it in a browser: {told.path}")
    what = "config, models, scores, lists, reports, the ledger, and MLflow's store (mlflow.db)"
    answer.say(f"\neverything is in {folder}: {what}")
    if not trained.verdict.passed:
        raise GateError(f"the demo's model is kept as challenger: {trained.verdict.why}.")


def _demo_config() -> str:
    """Point the config that ships with the package at the shop where it is installed."""
    text = online_retail_config().read_text(encoding="utf-8")
    return text.replace("../clm_ml/datasets/online_retail.parquet", str(online_retail_path())).replace("../", "")
