"""The verbs that learn the models, judge them against what came, and score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clm_ml.cli.answering import answering
from clm_ml.cli.asking import AsOf, ConfigPath, Debug, Force, Fresh, Json, app

__all__ = ["backtest", "score", "train"]


@app.command()
def train(
    config: ConfigPath,
    as_of: AsOf = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="DIR", help="Where the model box goes: models/PROJECT-DAY.")
    ] = None,
    tune: Annotated[
        float | None,
        typer.Option("--tune", metavar="MIN", min=0.01, help="Search so many minutes for how trees should grow."),
    ] = None,
    force: Force = False,
    fresh: Fresh = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Learn the models, and promote them if they prove better.

    They are judged forward in time, and must beat every baseline and the reigning champion.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.cli.telling import tell_trained  # noqa: PLC0415
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.errors import GateError  # noqa: PLC0415
        from clm_ml.pipeline import train_box  # noqa: PLC0415

        trained = train_box(load_config(config), as_of, model, force, answer.progress, fresh=fresh, tune_minutes=tune)
        tell_trained(answer, trained)
        if not trained.verdict.passed:
            raise GateError(f"the model is kept as challenger, not promoted: {trained.verdict.why}.")
        answer.say(f"next: clm-ml score {config} --out scores/{trained.model.facts['as_of']}")


@app.command()
def backtest(
    config: ConfigPath,
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="DAY", help="ISO day to judge at, once for each; the last ones."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the box goes: backtests/PROJECT-DAY.")
    ] = None,
    force: Force = False,
    fresh: Fresh = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Learn as if it were earlier, and judge against what came.

    At each day the model and every baseline know nothing but what was known before it.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.cli.telling import tell_backtested  # noqa: PLC0415
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import backtest as run  # noqa: PLC0415

        loaded = load_config(config)
        done = run(loaded, as_of or (), out, force=force, fresh=fresh, progress=answer.progress)
        tell_backtested(answer, done, loaded)


@app.command()
def score(
    config: ConfigPath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the scores box goes.")],
    as_of: AsOf = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|URI", help="A model box, or models:/NAME@ALIAS; the project's champion."),
    ] = None,
    reasons: Annotated[
        str, typer.Option("--reasons", metavar="N|all", help="Say why for the N with the most value at risk.")
    ] = "20000",
    to_table: Annotated[
        str | None,
        typer.Option("--to-table", metavar="NAME", help="Also into this table of the config's PostgreSQL."),
    ] = None,
    if_exists: Annotated[
        str,
        typer.Option(
            "--if-exists", metavar="replace|append", help="Replace the table's rows of this as_of, or refuse if there."
        ),
    ] = "replace",
    force: Force = False,
    fresh: Fresh = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Score everyone known at a day."""
    with answering(debug, as_json) as answer:
        from clm_ml.cli.telling import tell_scored  # noqa: PLC0415
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import score as run  # noqa: PLC0415

        scored = run(
            load_config(config),
            out,
            as_of=as_of,
            model=model,
            reasons=_count_or_all(reasons),
            force=force,
            fresh=fresh,
            to_table=to_table,
            if_exists=if_exists,  # type: ignore[arg-type]
            progress=answer.progress,
        )
        tell_scored(answer, scored)


def _count_or_all(text: str) -> Any:
    from clm_ml.errors import UsageError  # noqa: PLC0415

    if text == "all":
        return "all"
    if not text.isdecimal():
        raise UsageError(f"--reasons is a number of customers or all; found {text!r}.")
    return int(text)
