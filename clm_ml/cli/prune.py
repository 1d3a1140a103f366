"""The verb that removes what is no longer to be kept of people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import ConfigPath, Debug, Json, app

if TYPE_CHECKING:
    from clm_ml.pipeline import Pruned

__all__ = ["prune"]


@app.command()
def prune(
    config: ConfigPath,
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DAY", help="ISO day; what was to be deleted after an earlier one goes.")
    ],
    lists: Annotated[
        list[Path] | None, typer.Argument(metavar="DIR…", help="Folders in which boxes lie, at any depth.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove lists, scores and assignments that are due.

    Campaigns of the ledger whose time to keep them is over and whose horizon has ended, the files of boxes of lists,
    scores and backtests, and what destinations were delivered of such campaigns. Measure them first: afterwards nobody
    can.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import prune as run  # noqa: PLC0415

        _tell(answer, run(load_config(config), as_of, lists or (), dry_run=dry_run))


def _tell(answer: Answer, done: Pruned) -> None:
    answer.tell(done.facts())
    for warning in done.warnings:
        answer.warn(warning)
    for row in done.campaigns.to_dict("records"):
        size = f"{row['customers']:,} customers, {row['held_out']:,} of them held out"
        goes = "goes, and can be measured no more" if row["is_due"] else f"stays until {row['goes_on']}"
        answer.say(f"campaign {row['campaign']}: {size}; {goes}")
    for place, files in done.boxes.items():
        answer.say(f"box {place}: {files:,} files; its manifest stays")
    for name, rows in done.delivered.items():
        answer.say(f"{name}: {rows:,} rows of what was delivered")
    answer.say(_summed_up(done))


def _summed_up(done: Pruned) -> str:
    due = done.campaigns[done.campaigns["is_due"]]
    parts = f"assignments {int(due['customers'].sum()):,}, boxes {len(done.boxes):,}, "
    parts += f"delivered rows {sum(done.delivered.values()):,}"
    return f"removed as of {done.as_of}: {parts}" if done.is_done else f"would go as of {done.as_of}: {parts}"
