"""Destinations on the command line: which there are, what was written for each, and that it was delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import Debug, Json, app

if TYPE_CHECKING:
    from clm_ml.destinations import Destination, Outcome

__all__ = ["confirm", "tell_outcomes"]


@app.command("destinations")
def list_destinations(
    show: Annotated[
        str | None, typer.Option("--show", metavar="NAME|YAML", help="Check this one and print its YAML.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the destinations that a list can be written for.

    With --show the YAML of one is printed, to start one's own from; one's own is checked too.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import DESTINATIONS  # noqa: PLC0415
        from clm_ml.destinations import find_destination, find_destinations, yaml_of  # noqa: PLC0415

        if show is None:
            _tell_destinations(answer, find_destinations(DESTINATIONS))
            return
        destination = find_destination(show)
        text = yaml_of(show).read_text(encoding="utf-8")
        answer.tell({"destination": show, "name": destination.name, "yaml": text})
        answer.say(text.removesuffix("\n"))


def _tell_destinations(answer: Answer, destinations: Mapping[str, Destination]) -> None:
    answer.tell(
        {
            name: {
                "name": destination.name,
                "knows_customers_by": list(destination.needs()),
                "columns": list(destination.columns),
                "max_rows": destination.file.max_rows,
                "max_mb": destination.file.max_mb,
            }
            for name, destination in destinations.items()
        }
    )
    for name, destination in destinations.items():
        by = " or ".join(destination.needs()) or "nothing: a file of those to contact"
        answer.say(f"{name:<22} {destination.name}\n{'':<22} knows customers by {by}{_limits(destination)}")
    answer.say("\none of your own: clm-ml destinations --show hubspot > mine.yaml, then --destination mine.yaml")


def _limits(destination: Destination) -> str:
    rows, mb = destination.file.max_rows, destination.file.max_mb
    limits = [f"{rows:,} lines" if rows else "", f"{mb:,.0f} MB" if mb else ""]
    told = " or ".join(limit for limit in limits if limit)
    return f"; files of at most {told}" if told else ""


def tell_outcomes(answer: Answer, outcomes: Mapping[str, Outcome]) -> None:
    """Tell what was written for each destination, and warn of what it did not take as it was."""
    answer.tell({"destinations": {name: outcome.facts() for name, outcome in outcomes.items()}})
    for name, outcome in outcomes.items():
        for warning in _warnings(name, outcome):
            answer.warn(warning)
    for name, outcome in outcomes.items():
        answer.say(f"{name}: {_counts(outcome)}")


_TOLD = {"contact": "to contact", "holdout": "held out", "left": "to be cleared, since they have left"}


def _counts(outcome: Outcome) -> str:
    counts = [f"{outcome.rows[role]:,} {words}" for role, words in _TOLD.items() if outcome.rows.get(role)]
    unchanged = [f"{outcome.unchanged:,} unchanged since delivered"] if outcome.unchanged else []
    return ", ".join(counts + unchanged) or "no rows"


def _warnings(name: str, outcome: Outcome) -> list[str]:
    warnings = []
    if outcome.invalid:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(outcome.invalid.items()))
        count = sum(outcome.invalid.values())
        warnings.append(f"{name}: {count:,} rows are not in its files ({reasons}); see {name}/invalid.csv.")
    if outcome.doubtful:
        warnings.append(
            f"{name}: {outcome.doubtful:,} keys begin like a formula; do not open its files in a spreadsheet, or "
            "refuse such keys with --strict."
        )
    return warnings


def confirm(answer: Answer, config: Path, folder: Path, names: Sequence[str]) -> None:
    """Remember that a list box was delivered, and tell so."""
    from clm_ml.config import load_config  # noqa: PLC0415
    from clm_ml.pipeline import confirm_delivered  # noqa: PLC0415

    delivered = confirm_delivered(load_config(config), folder, names)
    answer.tell({"delivered": delivered})
    for name, count in delivered.items():
        answer.say(f"{name}: {count:,} rows are remembered as delivered")
    if not delivered:
        answer.say(f"{folder} has files for no CRM: there is nothing to remember")
