"""The verb that forgets people, as the law lets them ask."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import ConfigPath, Debug, Json, app

if TYPE_CHECKING:
    from clm_ml.pipeline import Forgot

__all__ = ["forget"]


@app.command()
def forget(
    config: ConfigPath,
    customer_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="Who, as the tables have them.")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Who else, an id a line; - reads what is piped in.")
    ] = None,
    places: Annotated[
        list[Path] | None,
        typer.Option(
            "--in", metavar="DIR|FILE", help="Where boxes lie, at any depth, or a single file; once for each."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Remove people for good, as they may ask.

    Their rows of scores, lists, backtests and rejected rows in the places named, of the ledger and of what was
    delivered; and their rows in the tables are never read again. Tables, CRMs and databases are their owners' to mend.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import forget as run  # noqa: PLC0415

        people = [*(customer_ids or ()), *_listed(listed)]
        _tell(answer, run(load_config(config), people, places or (), dry_run=dry_run))


def _listed(path: Path | None) -> list[str]:
    """Read ids, one a line; a shell remembers what stands on its command line, and not what is in a file."""
    from clm_ml.errors import UsageError  # noqa: PLC0415

    if path is None:
        return []
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"--from {path} cannot be read as text.") from None
    return text.split("\n")


def _tell(answer: Answer, done: Forgot) -> None:
    answer.tell(done.facts())
    for warning in done.warnings:
        answer.warn(warning)
    for place, rows in done.boxes.items():
        answer.say(f"box {place}: {rows:,} rows")
    for place, rows in done.files.items():
        answer.say(f"file {place}: {rows:,} rows")
    for name, rows in done.delivered.items():
        answer.say(f"delivered to {name}: {rows:,} rows; ask there too")
    for row in done.assignments.to_dict("records"):
        answer.say(f"campaign {row['campaign']}: {row['customers']:,} of {row['arm']}; how many stays, who does not")
    if done.kept:
        answer.say("tables kept between runs: all; the next run reads everything again")
    told = "forgotten" if done.is_done else "would be forgotten"
    answer.say(f"{told}: {done.people:,} customers; rows of theirs in the tables are passed over from now on")
