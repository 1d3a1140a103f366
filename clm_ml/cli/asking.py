"""What verbs are asked: the command line they hang on, and the arguments that several take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

__all__ = ["AsOf", "ConfigPath", "Debug", "DestinationNames", "Force", "Fresh", "Json", "ScoresBox", "app"]

#: The verbs in the order in which they are used.
_VERBS = (
    "init", "check", "train", "backtest", "score", "segments", "transitions", "kpis", "customer", "export",
    "destinations", "measure", "uplift", "report", "monitor", "prune", "forget", "simulate", "demo", "config",
)  # fmt: skip


class _InOrder(TyperGroup):
    """Lists the verbs in their order, wherever they are at home."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=_VERBS.index)


app = typer.Typer(
    name="clm-ml",
    cls=_InOrder,
    help="Which customers are slipping away, what they are worth, why, and who to contact first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The project's YAML.")]
DestinationNames = Annotated[
    list[str] | None,
    typer.Option("--destination", metavar="NAME|YAML", help="Instead of the config's; once for each."),
]
ScoresBox = Annotated[Path, typer.Option("--scores", metavar="DIR", help="A scores box.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DAY", help="ISO day; what lies before it is known.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Read everything again, whatever an earlier run has kept.")]
Json = Annotated[bool, typer.Option("--json", help="Tell the result as JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
