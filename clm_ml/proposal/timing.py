"""What a log's days tell: until when it is complete, and after how long people come back."""

from __future__ import annotations

from dataclasses import dataclass

from clm_ml.engine import Engine
from clm_ml.errors import DataError
from clm_ml.proposal.drafting import Draft
from clm_ml.proposal.finishing import instant_sql, kept, text_sql
from clm_ml.timeline import HORIZONS, date_of, sensible_horizon

__all__ = ["Horizon", "complete_until", "horizon"]

_SHARE_OF_GAPS = 0.85
_MOST_CUSTOMERS = 200_000  # whose gaps are looked at
_USUAL_GAP_DAYS = 90
_STRAY_DAYS = 90  # a row so long after nearly all others is a slip of the pen


@dataclass(frozen=True)
class Horizon:
    """A number of days to ask about, and why."""

    days: int
    why: str


def complete_until(engine: Engine, drafts: dict[str, Draft]) -> tuple[int, str]:
    """Find the day after the last of orders and events, and say so.

    Raises:
        DataError: if no row is left that has a day.
    """
    found = [_last_day(engine, drafts[name]) for name in ("orders", "events") if name in drafts]
    ends = [end for end in found if end is not None]
    if not ends:
        raise DataError("no row of orders or events has both a customer and a date that can be read.")
    last, strays = max(last for last, _ in ends), sum(strays for _, strays in ends)
    why = f"the day after the log's last, {date_of(last)}; if that day is not whole yet, say {date_of(last)}"
    if strays:
        later = "1 row is" if strays == 1 else f"{strays:,} rows are"
        why += f"; {later} dated long after all others and will be put into quarantine"
    return last + 1, why


def _last_day(engine: Engine, draft: Draft) -> tuple[int, int] | None:
    """Find the last day that no long silence parts from nearly all others, and count the rows after it."""
    source = draft.look.source
    days = f"SELECT {engine.day_of(instant_sql(engine, draft, source))} AS day FROM ({kept(engine, draft, source)})"
    rows = engine.rows(f"SELECT day, count(*) FROM ({days}) WHERE day IS NOT NULL GROUP BY day ORDER BY day")
    if not rows:
        return None
    nearly, seen, last = 0.99 * sum(count for _, count in rows), 0, rows[0][0]
    for day, count in rows:
        if seen >= nearly and day - last > _STRAY_DAYS:
            break
        last, seen = day, seen + count
    return last, sum(count for _, count in rows) - seen


def horizon(engine: Engine, orders: Draft) -> Horizon:
    """Suggest a horizon in which most people who come back have done so.

    It is the time within which 85 % of the gaps between a customer's order days end, taken to the nearest of
    30, 60, 90 and 180 days by ratio, and at most a third of the log, so that there is something to learn from.
    """
    gap, gaps, span = _gaps(engine, orders)
    if not gaps:
        usual = min(sensible_horizon(_USUAL_GAP_DAYS, span), _USUAL_GAP_DAYS)
        return Horizon(usual, "nobody has come back so far, so the gaps between orders tell nothing")
    days = sensible_horizon(gap, span)
    why = f"{_SHARE_OF_GAPS:.0%} of the gaps between two order days of a customer are at most {gap:.0f} days"
    if days < sensible_horizon(gap, 3 * max(HORIZONS)):
        why += f", but the log has only {span} days, and a third of them is the most"
    return Horizon(days, why)


def _gaps(engine: Engine, orders: Draft) -> tuple[float, int, int]:
    """Tell the long gap, how many gaps there are, and how many days the log has; from a sample of customers."""
    source = orders.look.source
    who = text_sql(engine, orders.columns["customer_id"].text, source)
    day = engine.day_of(instant_sql(engine, orders, source))
    amount = engine.as_minor(engine.expression(orders.columns["amount"].text, source, "amount"))
    every = max(1, round(orders.look.rows / 5 / _MOST_CUSTOMERS))
    days = (
        f"SELECT DISTINCT {who} AS who, {day} AS day FROM ({kept(engine, orders, source)}) "
        f"WHERE {who} IS NOT NULL AND {day} IS NOT NULL AND {amount} >= 0 AND hash({who}) % {every} = 0"
    )
    gaps = f"SELECT day, day - lag(day) OVER (PARTITION BY who ORDER BY day) AS gap FROM ({days})"
    long, many, first, last = engine.rows(
        f"SELECT quantile_cont(gap, {_SHARE_OF_GAPS}), count(gap), quantile_disc(day, 0.001), "
        f"quantile_disc(day, 0.999) FROM ({gaps})"
    )[0]
    return long or 0.0, many, (last - first + 1) if first is not None else 0
