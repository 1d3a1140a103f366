"""The verb that tells what has changed since training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import ConfigPath, Debug, Force, Fresh, Json, ScoresBox, app

if TYPE_CHECKING:
    from clm_ml.pipeline import Monitored

__all__ = ["monitor"]

#: So many findings are told in words; the JSON has all.
_MOST_WORDS = 12


@app.command()
def monitor(
    config: ConfigPath,
    scores: ScoresBox,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|URI", help="The model that made them, if it is elsewhere than it was."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Where all findings go, silent ones too.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help="Where a figure of the strongest drifts goes.")
    ] = None,
    force: Force = False,
    fresh: Fresh = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell what has changed since training.

    Rows that no longer arrive as they did, features and scores that have drifted, and, once the label window has
    closed, whether as many ordered as was said. What chance, an ordinary month or the season explain is no alarm;
    an alarm is exit code 18.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.errors import DriftError  # noqa: PLC0415
        from clm_ml.pipeline import monitor as run  # noqa: PLC0415

        told = run(
            load_config(config),
            scores,
            model=model,
            out=out,
            plot=plot,
            force=force,
            fresh=fresh,
            progress=answer.progress,
        )
        _tell(answer, told)
        if told.alarms:
            named = ", ".join(dict.fromkeys(f"{alarm.kind} ({alarm.what})" for alarm in told.alarms[:3]))
            more = f" and {len(told.alarms) - 3} more" if len(told.alarms) > 3 else ""
            raise DriftError(
                f"drift since training on {told.reference_as_of}: {named}{more}; look before these scores are used."
            )


def _tell(answer: Answer, told: Monitored) -> None:
    import pandas as pd  # noqa: PLC0415

    from clm_ml.cli.telling import table_text  # noqa: PLC0415

    answer.tell(told.facts() | {"files": [str(path) for path in told.files]})
    for warning in told.warnings:
        answer.warn(warning)
    answer.say(
        f"scores of {told.as_of}, {told.customers:,} active customers; the model was learned on {told.reference_as_of}"
    )
    loud = [finding for finding in told.findings if finding.level != "silent"]
    if loud:
        columns = ["level", "kind", "what", "value", "threshold"]
        rows = pd.DataFrame([finding.facts() for finding in loud])[columns]
        answer.say(table_text(rows, {"value": "{:.3g}", "threshold": "{:.3g}"}))
        answer.say()
    for finding in loud[:_MOST_WORDS]:
        answer.say(f"{finding.level}: {finding.words}")
    if len(loud) > _MOST_WORDS:
        answer.say(f"and {len(loud) - _MOST_WORDS} more, told by --json and --out.")
    silent = [finding for finding in told.findings if finding.level == "silent"]
    answer.say(f"{len(silent)} of {len(told.findings)} comparisons found nothing out of the ordinary")
    for finding in silent:
        if finding.kind in ("outcome", "base_rate", "calibration", "discrimination"):
            answer.say(finding.words)
    for path in told.files:
        answer.say(f"  {path}")
