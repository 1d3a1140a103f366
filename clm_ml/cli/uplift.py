"""The verb that learns whom a contact moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import AsOf, ConfigPath, Debug, Force, Json, app

if TYPE_CHECKING:
    from clm_ml.pipeline import LearnedUplift

__all__ = ["uplift"]


@app.command()
def uplift(
    config: ConfigPath,
    campaign: Annotated[
        list[str] | None, typer.Argument(metavar="[CAMPAIGN…]", help="All that were exported here, if none is named.")
    ] = None,
    as_of: AsOf = None,
    contacts: Annotated[
        Path | None,
        typer.Option(
            "--contacts", metavar="FILE", help="Contacts with arms: customer_id, campaign, contacted_at, arm."
        ),
    ] = None,
    holdout_share: Annotated[
        float | None,
        typer.Option("--holdout-share", metavar="S", min=0, max=1, help="Meant to be held out, if no ledger tells."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the uplift box goes.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Where the figure goes.")] = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Learn from measured campaigns whom a contact moves.

    Lists are ranked by it (export --uplift) if it orders customers better than chance, on those it was not learned
    from. If it does not, the box is written nevertheless, the exit code says so, and lists do not use it.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.errors import GateError  # noqa: PLC0415
        from clm_ml.pipeline import learn_from_campaigns  # noqa: PLC0415

        done = learn_from_campaigns(
            load_config(config),
            campaign or (),
            as_of=as_of,
            contacts=contacts,
            holdout_share=holdout_share,
            out=out,
            plot=plot,
            force=force,
            progress=answer.progress,
        )
        _tell(answer, done)
        if not done.uplift.gate.passed:
            raise GateError("uplift is not proved: lists go on by the assumed save rate; bring more campaigns.")


def _tell(answer: Answer, done: LearnedUplift) -> None:
    answer.tell(done.facts() | {"box": done.box and str(done.box), "plot": done.plot and str(done.plot)})
    for warning in done.warnings:
        answer.warn(warning)
    for line in done.uplift.lines():
        answer.say(line)
    rows = done.uplift.rows()
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        answer.say("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    for place, what in ((done.box, "uplift box"), (done.plot, "figure")):
        if place is not None:
            answer.say(f"{what}: {place}")
