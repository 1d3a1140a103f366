"""Where customers stand in the lifecycle: the verb `segments`, and what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import ConfigPath, Debug, Force, Fresh, Json, app

if TYPE_CHECKING:
    from clm_ml.pipeline import Segmented

__all__ = ["segments"]


@app.command()
def segments(
    config: ConfigPath,
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="DAY", help="ISO day; what lies before it is known. Several for a history."),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option("--every", metavar="DAYS", min=1, help="For a history: back from the day in steps of so many."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|URI", help="Use its borders, instead of fitting them on the first day."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option("--history", metavar="FILE", help="Write who was where at each day: customer_id, as_of, segment."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw segments by R and F score into this file.")
    ] = None,
    force: Force = False,
    fresh: Fresh = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell who is in which segment and phase, and by which rules.

    Borders are fitted once, at the first day, or are a model's: what one customer does moves nobody else.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import segment_files  # noqa: PLC0415

        told = segment_files(
            load_config(config),
            as_of or (),
            every=every,
            model=model,
            history=history,
            plot=plot,
            force=force,
            fresh=fresh,
            progress=answer.progress,
        )
        _tell(answer, told)


def _tell(answer: Answer, told: Segmented) -> None:
    answer.tell(_facts(told))
    for warning in told.warnings:
        answer.warn(warning)
    whose = f"the borders are those of {told.model}, of {told.fitted_on}" if told.model else _fitted(told)
    answer.say(f"{int(told.table['customers'].sum()):,} people as of {told.as_of}; {whose}")
    _say_table(answer, told)
    answer.say("\nwho is where:")
    width = max(map(len, told.rules))
    for segment, words in told.rules.items():
        first, *others = words.split("; or ")
        answer.say(f"  {segment:{width}}  {first}")
        for other in others:
            answer.say(f"  {'':{width}}  or {other}")
    answer.say("\nwhat the words mean:")
    for line in told.borders:
        answer.say(f"  {line}")
    _say_files(answer, told)


def _fitted(told: Segmented) -> str:
    return f"the borders were fitted on {'that day' if told.fitted_on == told.as_of else told.fitted_on}"


def _say_table(answer: Answer, told: Segmented) -> None:
    from clm_ml.cli.telling import table_text  # noqa: PLC0415

    shown = {"customers": "{:,}", "customers_share": "{:.1%}", "amount": "{:,.0f}", "amount_share": "{:.1%}"}
    answer.say(table_text(told.table, shown))
    answer.say()
    answer.say(table_text(told.phases, shown))
    answer.say(f"amounts are what they have spent so far, after returns, in {told.currency}")


def _say_files(answer: Answer, told: Segmented) -> None:
    if (history := told.history) is not None:
        answer.say(f"history: {history.path}, {history.rows:,} rows at {len(history.as_ofs)} as_ofs")
    if told.plot is not None:
        answer.say(f"plot: {told.plot}")


def _facts(told: Segmented) -> dict[str, Any]:
    history = told.history
    return {
        "as_of": told.as_of,
        "customers": int(told.table["customers"].sum()),
        "segments": _records(told.table),
        "phases": _records(told.phases),
        "rules": told.rules,
        "cut_points": told.lifecycle.cuts.facts(),
        "lapse": told.lifecycle.lapse.model_dump(),
        "fitted_on": told.fitted_on,
        "model": told.model,
        "history": None
        if history is None
        else {"file": str(history.path), "as_ofs": list(history.as_ofs), "rows": history.rows},
        "plot": None if told.plot is None else str(told.plot),
        "warnings": list(told.warnings),
    }


def _records(table: Any) -> list[dict[str, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")
