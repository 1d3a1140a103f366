"""The verb that writes the page people look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clm_ml.cli.answering import answering
from clm_ml.cli.asking import ConfigPath, Debug, Force, Json, ScoresBox, app

__all__ = ["report"]


@app.command()
def report(
    config: ConfigPath,
    scores: ScoresBox,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the page goes: reports/PROJECT-DAY.html.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|URI", help="The model's box, if it is not where it made the scores."),
    ] = None,
    listed: Annotated[
        list[Path] | None,
        typer.Option("--list", metavar="DIR", help="A list box: its promise, its first customers; once for each."),
    ] = None,
    measured: Annotated[
        list[Path] | None,
        typer.Option("--measured", metavar="DIR", help="A measurement box; once for each."),
    ] = None,
    transitions: Annotated[
        Path | None,
        typer.Option("--transitions", metavar="DIR", help="A box of transitions: who moved until now."),
    ] = None,
    monitored: Annotated[
        Path | None, typer.Option("--monitored", metavar="FILE", help="The JSON that monitor wrote: drift.")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show how to reach the listed customers.")] = False,
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=0, help="Name so many customers of each list.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write one page that tells it all, to read, print or send.

    It holds everything it needs, asks no network and runs no script. What has no box given is left out, and how to
    get it is told.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import report as run  # noqa: PLC0415

        done = run(
            load_config(config),
            scores,
            out,
            model=model,
            lists=listed or (),
            measured=measured or (),
            transitions=transitions,
            monitored=monitored,
            reveal=reveal,
            rows=rows,
            force=force,
            progress=answer.progress,
        )
        answer.tell({"report": str(done.path), "headline": done.headline})
        answer.say(done.headline)
        answer.say(f"report: {done.path}")
