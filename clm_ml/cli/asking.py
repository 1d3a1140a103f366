"""What verbs are asked: the command line they hang on, and the arguments that several take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsOf", "ConfigPath", "Debug", "DestinationNames", "Force", "Fresh", "Json", "app"]

app = typer.Typer(
    name="clm-ml",
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
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DAY", help="ISO day; what lies before it is known.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Read everything again, whatever an earlier run has kept.")]
Json = Annotated[bool, typer.Option("--json", help="Tell the result as JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
