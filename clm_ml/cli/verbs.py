"""The verbs of `clm-ml`: each takes its arguments, asks the pipeline, and tells what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clm_ml.cli.answering import answering
from clm_ml.cli.asking import AsOf, ConfigPath, Debug, DestinationNames, Force, Fresh, Json, app

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    app()


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"clm-ml {version('clm-ml')}")
        raise typer.Exit


@app.callback()
def clm_ml(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Which customers are slipping away, what they are worth, why, and who to contact first."""


@app.command()
def init(
    files: Annotated[list[Path], typer.Argument(metavar="FILES…", help="CSV or Parquet files to look at.")],
    out: Annotated[Path, typer.Option("--out", metavar="YAML", help="Where to write the config.")] = Path("clm.yaml"),
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Look at files and write a commented config for them."""
    with answering(debug) as answer:
        from clm_ml.pipeline import propose_config  # noqa: PLC0415

        written = propose_config(files, out, force)
        answer.say(f"wrote {written}; read its comments, then run: clm-ml check {written}")


@app.command()
def check(
    config: ConfigPath,
    quarantine: Annotated[
        Path | None, typer.Option("--quarantine", metavar="DIR", help="Keep rejected rows here, with their reasons.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Read and validate the tables, and tell what is there.

    Also what is rejected and why, and how to choose the horizon and when a customer counts as lapsed.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.cli.telling import tell_checked  # noqa: PLC0415
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import check as run  # noqa: PLC0415

        loaded = load_config(config)
        tell_checked(answer, run(loaded, quarantine, force, answer.progress), loaded)
        answer.say(f"next: clm-ml train {config}")


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


@app.command()
def simulate(
    customers: Annotated[int, typer.Option("--customers", metavar="N", help="From 100 to 10,000,000.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the shop goes.")],
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed draws the same shop.")] = 1,
    force: Force = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw a shop whose truth is known.

    All five tables, the truth beside them, and their config.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.datasets import simulate as run  # noqa: PLC0415

        rows = run(customers, seed, out, lambda done, total: answer.progress("customers", done, total), force=force)
        answer.tell({"shop": str(out), "rows": rows})
        answer.say(f"drew {', '.join(f'{count:,} {name}' for name, count in rows.items())}")
        answer.say(f"next: clm-ml check {out / 'shop.yaml'}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where everything goes.")] = Path("demo"),
    debug: Debug = False,
) -> None:
    """Walk it all on the real shop that ships with the package."""
    with answering(debug) as answer:
        from clm_ml.cli.demo import walk_demo  # noqa: PLC0415

        walk_demo(answer, folder)


@app.command()
def config() -> None:
    """Print every key of the config with its meaning and default."""
    from clm_ml.config import commented  # noqa: PLC0415

    typer.echo(commented())


def _count_or_all(text: str) -> Any:
    from clm_ml.errors import UsageError  # noqa: PLC0415

    if text == "all":
        return "all"
    if not text.isdecimal():
        raise UsageError(f"--reasons is a number of customers or all; found {text!r}.")
    return int(text)
