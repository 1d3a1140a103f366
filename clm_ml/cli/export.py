"""The verb that writes a campaign's list, or says that one was delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clm_ml.cli.answering import answering
from clm_ml.cli.asking import ConfigPath, Debug, DestinationNames, Force, Json, app

__all__ = ["export"]


@app.command()
def export(
    config: ConfigPath,
    scores: Annotated[Path | None, typer.Option("--scores", metavar="DIR", help="A scores box.")] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="NAME", help="The campaign; arms depend on it.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the list box goes.")] = None,
    destination: DestinationNames = None,
    changed_only: Annotated[
        bool, typer.Option("--changed-only", help="Only rows that differ from those delivered, in CRMs' files.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse keys that begin like a formula.")] = False,
    delivered: Annotated[
        Path | None, typer.Option("--delivered", metavar="LIST", help="Only say that this list box was delivered.")
    ] = None,
    uplift: Annotated[
        Path | None, typer.Option("--uplift", metavar="DIR", help="An uplift box to rank by, if its gate was passed.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Where a figure of expected profit goes.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the ranked list of a campaign, in two arms.

    Those to contact and those held out are in files of their own, and so is what each destination takes. What it
    is expected to earn is told, and what its holdout can show of that. Once a list was imported, --delivered says
    so; only then can --changed-only tell what has changed.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.cli.destinations import confirm  # noqa: PLC0415
        from clm_ml.cli.telling import tell_exported  # noqa: PLC0415
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.errors import UsageError  # noqa: PLC0415
        from clm_ml.pipeline import export as run  # noqa: PLC0415

        asked = (scores, campaign, out)
        if delivered is not None:
            if any((*asked, changed_only, strict, force, uplift, plot)):
                raise UsageError(
                    "--delivered goes with --destination alone: it says what happened, and writes no list."
                )
            confirm(answer, config, delivered, destination or ())
            return
        if scores is None or campaign is None or out is None:
            raise UsageError("export needs --scores, --campaign and --out, or else --delivered.")
        loaded = load_config(config)
        exported = run(
            loaded,
            scores,
            campaign,
            out,
            destinations=destination or (),
            changed_only=changed_only,
            strict=strict,
            uplift=uplift,
            plot=plot,
            force=force,
            progress=answer.progress,
        )
        tell_exported(answer, exported, loaded)
