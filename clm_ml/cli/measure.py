"""The verb that tells what a campaign caused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import AsOf, ConfigPath, Debug, Force, Json, app

if TYPE_CHECKING:
    from clm_ml.measuring import Measured
    from clm_ml.pipeline import MeasuredCampaigns

__all__ = ["measure"]


@app.command()
def measure(
    config: ConfigPath,
    campaign: Annotated[list[str], typer.Argument(metavar="CAMPAIGN…", help="Exported here, or in contacts.")],
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
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the measurement box goes.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE.png", help="Where the figure goes.")] = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell what a campaign caused, against its holdout.

    In buyers, revenue and profit, with intervals, for each segment and play; several campaigns also together. Before
    the horizon has closed only what may be said at any look.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.errors import CampaignError  # noqa: PLC0415
        from clm_ml.pipeline import measure_campaigns  # noqa: PLC0415

        done = measure_campaigns(
            load_config(config),
            campaign,
            as_of=as_of,
            contacts=contacts,
            holdout_share=holdout_share,
            out=out,
            plot=plot,
            force=force,
            progress=answer.progress,
        )
        _tell(answer, done)
        if done.refused:
            raise CampaignError(
                f"{', '.join(done.refused)}: the arms are not what was meant, and no difference is told; find out how "
                "customers got there."
            )


def _tell(answer: Answer, done: MeasuredCampaigns) -> None:
    """Tell each campaign, then all together."""
    answer.tell(done.facts() | {"box": done.box and str(done.box), "plot": done.plot and str(done.plot)})
    for warning in done.warnings:
        answer.warn(warning)
    told = done.campaigns if done.together is None else (*done.campaigns, done.together)
    for number, measured in enumerate(told):
        if number:
            answer.say()
        _say(answer, measured)
    for place, what in ((done.box, "measurement box"), (done.plot, "figure")):
        if place is not None:
            answer.say(f"{what}: {place}")


def _say(answer: Answer, measured: Measured) -> None:
    for warning in measured.warnings:
        answer.warn(f"{measured.campaign}: {warning}")
    verdict, *others = measured.lines()
    answer.say(verdict)
    rows = measured.rows() if len(measured.rows()) > 2 else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        answer.say("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    for line in others:
        answer.say(line)
