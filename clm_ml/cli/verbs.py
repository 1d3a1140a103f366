"""The command line itself, and the verbs around the models: to begin, to try, and to look up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clm_ml.cli.answering import answering
from clm_ml.cli.asking import ConfigPath, Debug, Force, Json, app

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
