"""What happened: orders, returns, contacts and events on one line of time; favourites; and what service heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from clm_ml.customer_view.rows import Known
from clm_ml.snapshot import ANSWER_DAYS, HELD_OUT
from clm_ml.timeline import date_of, label_window, lookback

__all__ = ["contacts_made", "favourites", "service", "time_line"]

_MINOR = 100.0
_YEAR = 365
_KINDS = ("order", "return", "contact", "event")  # of one day, in this order


def time_line(known: Known) -> pd.DataFrame:
    """Put all that happened on one line of time, the newest first.

    Grain: one row an order, and one a day for returns, for each campaign's contacts and for each type of event.
    Columns: `on` (ISO day), `kind` (order, return, contact, event), `what` in words, `count` of lines, contacts or
    events, and `amount` in the currency (of an order before returns; what was returned; null of others). An order lies
    on the day of its first line; a line without an order_id is an order by itself.
    """
    rows = [*_orders(known.lines), *_returns(known.lines), *_contacts(known.contacts), *_events(known.events)]
    table = pd.DataFrame(rows, columns=["day", "kind", "what", "count", "amount"])
    table["place"] = table["kind"].map({kind: place for place, kind in enumerate(_KINDS)})
    table = table.sort_values(["day", "place", "what"], ascending=[False, True, True], ignore_index=True)
    table.insert(0, "on", [date_of(day).isoformat() for day in table["day"]])
    return table[["on", "kind", "what", "count", "amount"]].astype({"amount": "float64", "count": "int64"})


def _orders(lines: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    for _, order in _sales(lines).groupby("order", sort=False):
        name = order["order_id"].iloc[0] if "order_id" in order else None
        what = "order" if name is None or pd.isna(name) else f"order {name}"
        yield int(order["day"].min()), "order", what, len(order), float(order["amount_minor"].sum() / _MINOR)


def _sales(lines: pd.DataFrame) -> pd.DataFrame:
    """Keep what was bought, each line with the order that it is of."""
    if lines.empty:
        return lines.assign(order=[])
    sold = lines[~lines["is_return"].astype(bool)]
    alone = pd.Series([f"line {place}" for place in sold.index], index=sold.index)
    named = "order " + sold["order_id"].astype("string") if "order_id" in sold else pd.Series(None, index=sold.index)
    return sold.assign(order=named.astype(object).where(named.notna(), alone))


def _returns(lines: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    if len(lines):
        for day, rows in lines[lines["is_return"].astype(bool)].groupby("day"):
            yield day, "return", "returned", len(rows), float(-rows["amount_minor"].sum() / _MINOR)


def _contacts(contacts: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    if len(contacts):
        arms = contacts["arm"] if "arm" in contacts else pd.Series(None, index=contacts.index, dtype=object)
        for (day, campaign, held), rows in contacts.groupby(["day", "campaign", _is_held(arms)]):
            what = f"held out of campaign {campaign}" if held else f"contacted by campaign {campaign}"
            yield day, "contact", what, len(rows), None


def _is_held(arms: pd.Series[Any]) -> pd.Series[bool]:
    return arms.astype("string").str.lower().isin(HELD_OUT).rename("held")


def _events(events: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    if len(events):
        for (day, kind), rows in events.groupby(["day", "event_type"]):
            values = rows["value"].dropna() if "value" in rows else ()
            rated = f" ({', '.join(f'{value:g}' for value in values)})" if len(values) else ""
            yield day, "event", f"{kind}{rated}", len(rows), None


def contacts_made(known: Known) -> pd.DataFrame:
    """List contacts of campaigns, the newest first.

    Grain: one contact, or one of those who would have been. Columns: `on`, `campaign`, `arm`, `channel`, `cost` (null
    where not mapped), and `answered_on`, the first day of the fortnight from the contact on on which an order began:
    null if there was none, or if the arm was held out, whom nothing was sent to answer.
    """
    rows = known.contacts
    days = sorted({row[0] for row in _orders(known.lines)})
    table = pd.DataFrame({"on": [date_of(day).isoformat() for day in rows["day"]]})
    for name in ("campaign", "arm", "channel"):
        table[name] = rows[name].astype(object) if name in rows else None
    table["cost"] = rows["cost_minor"] / _MINOR if "cost_minor" in rows else None
    held = _is_held(table["arm"])
    answers = [None if out else _answer(day, days) for day, out in zip(rows["day"], held, strict=True)]
    table["answered_on"] = [None if day is None else date_of(day).isoformat() for day in answers]
    return table.iloc[::-1].reset_index(drop=True)


def _answer(contacted: int, order_days: Sequence[int]) -> int | None:
    return next((day for day in order_days if label_window(contacted, ANSWER_DAYS).holds(day)), None)


def favourites(known: Known, most: int = 3) -> pd.DataFrame:
    """List what is bought most, by category and by product, where these are mapped.

    Grain: a category or a product, at most so many of each. Columns: `kind` (category or product), `name`, `amount`
    after returns, `share` of the amount of all orders after returns (null if that is not positive), `orders`,
    `last_on`.
    The largest amount comes first, ties go to the name that is first; what was returned altogether is no favourite.
    """
    found = [_favourites(known.lines, column, most) for column in ("category", "product_id") if column in known.lines]
    columns = ["kind", "name", "amount", "share", "orders", "last_on"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _favourites(lines: pd.DataFrame, column: str, most: int) -> pd.DataFrame:
    sold = _sales(lines).groupby(column).agg(orders=("order", "nunique"), last=("day", "max"))
    by = sold.join(lines.groupby(column)["amount_minor"].sum())
    total = lines["amount_minor"].sum()
    best = by[by["amount_minor"] > 0].rename_axis("name").reset_index()
    best = best.sort_values(["amount_minor", "name"], ascending=[False, True]).head(most)
    return pd.DataFrame(
        {
            "kind": column.removesuffix("_id"),
            "name": best["name"],
            "amount": best["amount_minor"] / _MINOR,
            "share": best["amount_minor"] / total if total > 0 else float("nan"),
            "orders": best["orders"],
            "last_on": [date_of(day).isoformat() for day in best["last"]],
        }
    )


def service(known: Known, meanings: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Tell what service heard of a customer: tickets, ratings, returns.

    Counts are of the last 365 days, means too; days are the last ever, null if there was none. What the log has no
    events for is not there; returns always are: `returned_lines`, `returned_amount`, `returned_on`.
    """
    told: dict[str, Any] = {}
    year = lookback(known.as_of, _YEAR)
    for meaning in ("ticket", "satisfaction", "review"):
        if meaning in meanings and "event_type" in known.events:
            theirs = known.events[known.events["event_type"].isin(list(meanings[meaning]))]
            told[f"{meaning}s_last_365d"] = int(year.holds(theirs["day"]).sum())
            told[f"last_{meaning}_on"] = _last(theirs)
            if meaning != "ticket" and "value" in theirs:
                told |= _ratings(meaning, theirs.dropna(subset=["value"]), year.holds)
    back = known.lines[known.lines["is_return"].astype(bool)] if len(known.lines) else known.lines
    lately = back[year.holds(back["day"])] if len(back) else back
    amount = float(-lately["amount_minor"].sum() / _MINOR) if len(lately) else 0.0
    return told | {
        "returned_lines_last_365d": len(lately), "returned_amount_last_365d": amount, "last_return_on": _last(back)
    }  # fmt: skip


def _ratings(meaning: str, rated: pd.DataFrame, in_year: Any) -> dict[str, Any]:
    lately = rated.loc[in_year(rated["day"]), "value"]
    return {
        f"mean_{meaning}_last_365d": float(lately.mean()) if len(lately) else None,
        f"last_{meaning}_value": float(rated["value"].iloc[-1]) if len(rated) else None,
    }


def _last(rows: pd.DataFrame) -> str | None:
    return date_of(int(rows["day"].max())).isoformat() if len(rows) else None
