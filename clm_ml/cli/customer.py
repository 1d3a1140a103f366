"""The verb `customer`: the single customer view on a terminal, or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import AsOf, ConfigPath, Debug, Json, app

if TYPE_CHECKING:
    from clm_ml.customer_view import CustomerView, Part

__all__ = ["tell_customer"]

_WIDEST = 100


@app.command()
def customer(
    config: ConfigPath,
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer, as the tables have it.")],
    as_of: AsOf = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|URI", help="A model box, or models:/NAME@ALIAS; the project's champion."),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", metavar="DIR", help="Show the row of this scores box instead of scoring.")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Tell contact fields as they are, not masked.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show all that is known of one customer, and what to do.

    Orders and events on one line of time, segment and habits, scores with reasons, campaigns, consent and the play.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline.viewing import customer as run  # noqa: PLC0415

        tell_customer(
            answer,
            run(
                load_config(config),
                customer_id,
                as_of=as_of,
                model=model,
                scores=scores,
                reveal=reveal,
                progress=answer.progress,
            ),
        )


def tell_customer(answer: Answer, view: CustomerView) -> None:
    """Tell a view part by part, no wider than a hundred columns."""
    answer.tell(view.facts())
    answer.stop_bars()
    if answer.as_json:
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    console.width = min(console.width, _WIDEST)
    console.print(
        Text(_printable(f"Customer {view.customer_id}"), style="bold"), Text(f"as of {view.as_of} · {view.project}")
    )
    for part in view.parts():
        console.print()
        console.print(Text(part.title, style="bold yellow" if part.is_warning else "bold cyan"))
        console.print(_table(part))
        if part.note:
            console.print(Text(part.note, style="dim"))


def _table(part: Part) -> Any:
    """Lay a part out; text is taken to the letter, whatever signs it holds."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=bool(part.head), padding=(0, 2, 0, 0), header_style="dim")
    for place in range(len(part.rows[0])):
        is_name = place == 0 and not part.head
        table.add_column(
            part.head[place] if part.head else "",
            justify="right" if place in part.numbers else "left",
            style="dim" if is_name else None,
            no_wrap=place in part.numbers or is_name,
        )
    for row in part.rows:
        table.add_row(*(Text(_printable(cell)) for cell in row))
    return table


def _printable(text: str) -> str:
    r"""Leave out what would steer a terminal instead of being shown by it.

    >>> _printable("a\x1b[2Jb\n")
    'a�[2Jb�'
    """
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
