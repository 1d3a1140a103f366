"""The verb `clm-ml kpis`: how each stage of the lifecycle is doing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clm_ml.cli.answering import answering
from clm_ml.cli.asking import AsOf, ConfigPath, Debug, Force, Json, app

__all__ = ["kpis"]


class _By(StrEnum):
    phase = "phase"
    segment = "segment"
    period = "period"


@app.command()
def kpis(
    config: ConfigPath,
    as_of: AsOf = None,
    every: Annotated[
        int | None,
        typer.Option("--every", metavar="DAYS", min=1, help="All closed periods of so many days; one horizon."),
    ] = None,
    by: Annotated[
        _By | None,
        typer.Option("--by", metavar="phase|segment|period", help="Only phases, segments, or periods as a whole."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|URI", help="Whose cut-points say who stands where; fitted anew."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the KPIs here: .csv or .parquet.")
    ] = None,
    cohorts: Annotated[
        Path | None, typer.Option("--cohorts", metavar="FILE", help="Write who came again here: .csv or .parquet.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw who came again here, as a heat map: .png.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell how each stage of the lifecycle is doing.

    Conversion, value, cost, retention, cross-sell, satisfaction and more, each with its definition and unit; and of the
    customers who first ordered in each month, who ordered again in the months since.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.cli.telling_kpis import tell_staged  # noqa: PLC0415
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import measure_stages  # noqa: PLC0415

        staged = measure_stages(
            load_config(config),
            as_of=as_of,
            every=every,
            by=None if by is None else by.value,
            model=model,
            out=out,
            cohorts_out=cohorts,
            plot=plot,
            force=force,
            progress=answer.progress,
        )
        tell_staged(answer, staged, by)
