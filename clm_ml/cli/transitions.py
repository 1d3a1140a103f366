"""Who moves between segments: the verb `transitions`, and what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clm_ml.cli.answering import Answer, answering
from clm_ml.cli.asking import AsOf, ConfigPath, Debug, Force, Fresh, Json, app

if TYPE_CHECKING:
    from clm_ml.pipeline import Migrated

__all__ = ["transitions"]


@app.command()
def transitions(
    config: ConfigPath,
    as_of: AsOf = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="DIR|URI", help="Look ahead too: a model box, or models:/NAME@ALIAS."),
    ] = None,
    about_to: Annotated[
        str | None,
        typer.Option("--about-to", metavar="SEGMENT", help="List who will likely be in it, and is not yet."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR|CSV", help="Where matrices and forecast go; with --about-to, the list."),
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="PNG", help="Draw the flows into this file.")] = None,
    force: Force = False,
    fresh: Fresh = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell who moved between segments, and who will.

    Observed over the horizon before the day; with a model also expected over the next, with the size of each segment.
    """
    with answering(debug, as_json) as answer:
        from clm_ml.config import load_config  # noqa: PLC0415
        from clm_ml.pipeline import transitions_files  # noqa: PLC0415

        told = transitions_files(
            load_config(config),
            as_of,
            model=model,
            about_to=about_to,
            out=out,
            plot=plot,
            force=force,
            fresh=fresh,
            progress=answer.progress,
        )
        _tell(answer, told, about_to)


def _tell(answer: Answer, told: Migrated, about_to: str | None) -> None:
    answer.tell(_facts(told, about_to))
    for warning in told.warnings:
        answer.warn(warning)
    _say_observed(answer, told)
    if told.forecast is not None:
        _say_expected(answer, told, told.forecast)
    if told.about_to is not None:
        _say_about_to(answer, told, str(about_to))
    for path in told.files:
        answer.say(f"  {path}")


def _say_observed(answer: Answer, told: Migrated) -> None:
    whose = f"by the borders of {told.model}" if told.model else "by borders fitted on the first day"
    answer.say(f"from {told.since} to {told.as_of}, {whose}: customers who moved from (down) to (across)")
    answer.say(_matrix(told.observed, "{:,}"))
    moves = told.moves
    answer.say(
        f"{moves['new']:,} people are new, {moves['new_with_order']:,} of them with an order; "
        f"{moves['first_orders']:,} visitors ordered for the first time"
    )
    answer.say(f"{moves['gone']:,} customers have gone; {moves['come_back']:,} who were gone have come back")


def _say_expected(answer: Answer, told: Migrated, forecast: Any) -> None:
    from clm_ml.cli.telling import table_text  # noqa: PLC0415

    answer.say(f"\nexpected from {told.as_of} to {told.until}, of those known on {told.as_of}:")
    answer.say(_matrix(told.predicted, "{:,.0f}"))
    answer.say(f"\nhow many in each on {told.until}, newcomers included, with an 80 % interval:")
    renamed = {name: name.removesuffix("_customers") for name in forecast} | {"customers_now": "now"}
    counts = dict.fromkeys(("now", "expected", "lowest", "highest", "expected_new"), "{:,.0f}")
    answer.say(table_text(forecast.rename(columns=renamed), counts))
    answer.say(f"the interval and the newcomers come from {told.windows} closed windows before")


def _say_about_to(answer: Answer, told: Migrated, segment: str) -> None:
    from clm_ml.cli.telling import table_text  # noqa: PLC0415

    listed: Any = told.about_to
    answer.say(f"\nabout to be in {segment}: {len(listed):,}, the most value at risk first")
    if len(listed) and answer.shows_people:
        shown = {f"becomes_{segment}_probability": "{:.2f}", "churn_probability": "{:.2f}", "value_at_risk": "{:,.0f}"}
        answer.say(table_text(listed.head(10), shown))


def _matrix(matrix: Any, form: str) -> str:
    """Lay a matrix out: rows by name, columns by number, so that it fits a terminal."""
    from clm_ml.cli.telling import table_text  # noqa: PLC0415

    places = [f"{place}" for place in range(1, len(matrix.columns) + 1)]
    named = [f"{place} {name}" for place, name in zip([*places, ""], matrix.index, strict=False)]
    shown = matrix.set_axis(places, axis=1).astype(object)
    shown = shown.map(lambda count: form.format(count) if round(float(count), 1) >= 0.5 else ".")
    shown.insert(0, "from", named)
    widths = {name: max(len(name), int(shown[name].str.len().max())) for name in places}
    for name, width in widths.items():
        shown[name] = shown[name].str.rjust(width)
    return table_text(shown.rename(columns={name: name.rjust(width) for name, width in widths.items()}), {})


def _facts(told: Migrated, about_to: str | None) -> dict[str, Any]:
    return {
        "since": told.since,
        "as_of": told.as_of,
        "until": told.until,
        "model": told.model,
        "observed": told.observed.T.to_dict(),
        "moves": dict(told.moves),
        "predicted": None if told.predicted is None else told.predicted.T.to_dict(),
        "forecast": None if told.forecast is None else told.forecast.to_dict("records"),
        "windows": told.windows,
        "about_to": about_to,
        "listed": None if told.about_to is None else len(told.about_to),
        "files": [str(path) for path in told.files],
        "warnings": list(told.warnings),
    }
