"""The view in words: parts of a few rows each, the same for a terminal and a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from clm_ml.customer_view.words import amount_or_nothing, counted, figure, in_words, money, or_dash, percent, yes

if TYPE_CHECKING:
    from clm_ml.customer_view.view import CustomerView

__all__ = ["Part", "parts_of"]

Row = tuple[str, ...]

#: So many lines of the time line are shown; all of them are in the view.
_LINES = 12
_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Part:
    """A title and rows of words under an optional head; `note` stands below, and `numbers` are columns to the right.

    Attributes:
        title: what the part is about.
        rows: each as wide as the head; without a head, a name and what is said of it.
        head: names of the columns.
        numbers: the columns that hold numbers.
        note: what else is to be known.
        is_warning: whether the part is to be seen before the others.
    """

    title: str
    rows: tuple[Row, ...]
    head: Row = ()
    numbers: tuple[int, ...] = ()
    note: str = ""
    is_warning: bool = False


def parts_of(view: CustomerView) -> tuple[Part, ...]:
    """Tell a view in parts, in the order in which they are read; a part without a row is left out."""
    parts = (
        _in_short(view),
        _to_do(view),
        _ahead(view),
        _why(view),
        _habits(view),
        _history(view),
        _timeline(view),
        _favourites(view),
        _service(view),
        _campaigns(view),
        Part("Good to know", tuple(("", warning) for warning in view.warnings), is_warning=True),
    )
    return tuple(part for part in parts if part.rows)


def _in_short(view: CustomerView) -> Part:
    person = ", ".join(f"{in_words(name)} {value}" for name, value in view.person.items() if value is not None)
    rows = [("who", person or "no row of a customer table tells")]
    if view.scores is not None:
        target = view.play.target if view.play is not None else ""
        rows.append(("segment", f"{view.scores['segment']} ({view.scores['phase']}): {target}"))
        if view.scores["r_score"] is not None:
            marks = " ".join(f"{name.upper()} {view.scores[f'{name}_score']}" for name in "rfm")
            rows.append(("R/F/M", f"{marks}, of 5: how recently, how often, for how much"))
    rows.append(("orders", _orders(view)))
    return Part("In short", tuple(rows))


def _orders(view: CustomerView) -> str:
    """Sum up what was bought."""
    orders = view.timeline[view.timeline["kind"] == "order"]
    if orders.empty:
        return "none so far"
    returned = view.timeline.loc[view.timeline["kind"] == "return", "amount"].sum()
    back = f", of which {money(returned, view.currency)} came back" if returned else ""
    first, last = orders["on"].iloc[-1], orders["on"].iloc[0]
    days = f"on {first}" if len(orders) == 1 else f"from {first} to {last}"
    return f"{counted(len(orders), 'order')} {days}, {money(orders['amount'].sum(), view.currency)}{back}"


def _to_do(view: CustomerView) -> Part:
    permission, play = view.permission, view.play
    rows = [("may we", _permission(view))]
    if play is not None:
        rows += [("goal", play.goal), *(("play", best) for best in play.plays[:1])]
        rows += [("else", "; ".join(play.plays[1:]))] if play.plays[1:] else []
        cost = "" if play.contact_cost is None else f", {play.contact_cost:,.2f} {view.currency} a contact"
        trouble = f"; but this customer {view.channel_trouble}" if view.channel_trouble else ""
        rows.append(("channel", f"{play.channel}{cost}{trouble}"))
    if permission.not_listed:
        rows.append(("lists", f"would leave them out: {'; '.join(permission.not_listed)}"))
    return Part("What to do", tuple(rows))


def _permission(view: CustomerView) -> str:
    permission = view.permission
    kept = "" if permission.is_kept else " (the shop keeps no consent)"
    said = f"yes, they may be contacted{kept}" if permission.is_allowed else f"no: {'; '.join(permission.forbids)}"
    by = [f"{name} {yes(allowed)}" for name, allowed in permission.channels.items()]
    return f"{said}; by channel: {', '.join(by)}" if by else said


def _ahead(view: CustomerView) -> Part:
    scores = view.scores
    if scores is None or scores["order_probability"] is None:
        return Part("", ())
    churn = "" if scores["churn_probability"] is None else f"; churn probability {percent(scores['churn_probability'])}"
    rows: list[Row] = [(f"an order in {view.horizon_days} days", f"{percent(scores['order_probability'])}{churn}")]
    rows.append(("expected value", f"{money(scores['expected_value'], view.currency)}; {_if_ordering(view)}"))
    if scores["value_at_risk"] is not None:
        rows.append(
            ("value at risk", f"{money(scores['value_at_risk'], view.currency)}, what would be lost times how likely")
        )
    rows.extend(_next_order(scores))
    if scores["next_segment"] is not None:
        rows.append((f"segment in {view.horizon_days} days", _next_segment(scores)))
    return Part("What to expect", tuple(rows))


def _if_ordering(view: CustomerView) -> str:
    assert view.scores is not None
    return f"{money(view.scores['expected_value_if_ordering'], view.currency)} if they order"


def _next_order(scores: Mapping[str, Any]) -> Iterator[Row]:
    likely, earliest, latest = (scores[f"next_order_{name}on"] for name in ("", "earliest_", "latest_"))
    if likely is None and earliest is None:
        return
    first = "as likely as not later than can be said" if likely is None else f"by {likely}, as likely as not"
    span = f"by {earliest} with one chance in ten"
    if latest is not None:
        span = f"between {earliest} and {latest} with four chances in five"
    yield "next order", f"{first}; {span}"


def _next_segment(scores: Mapping[str, Any]) -> str:
    """Tell the likeliest segment ahead, and how likely the two are that cost most."""
    names = [name for name in ("at_risk", "cannot_lose") if scores.get(f"becomes_{name}_probability") is not None]
    feared = [f"{name} {percent(scores[f'becomes_{name}_probability'])}" for name in names]
    likely = f"{scores['next_segment']} {percent(scores['next_segment_probability'])}"
    return "; ".join([likely, ", ".join(feared)]) if feared else likely


def _why(view: CustomerView) -> Part:
    return Part("Why", tuple((f"{place}.", reason) for place, reason in enumerate(view.reasons, start=1)))


def _habits(view: CustomerView) -> Part:
    rows = []
    for row in _rows(view.habits):
        shown = [figure(value, row["unit"], view.currency) for value in (row["lately"], row["usually"])]
        ratio = "–" if pd.isna(row["ratio"]) else f"{row['ratio']:.1f} ×"
        rows.append((row["what"], *shown, ratio))
    return Part("Against their own habit", tuple(rows), ("", "lately", "usually", ""), (1, 2, 3))


def _history(view: CustomerView) -> Part:
    most = max((row["orders"] for row in _rows(view.history)), default=0)
    rows = []
    for row in _rows(view.history):
        bar = _BARS[round(8 * row["orders"] / most)] if most else " "
        spent = money(row["amount"], view.currency)
        rows.append((row["as_of"], row["segment"], f"{row['orders']}", bar, spent, f"{row['events']}"))
    head = ("as of", "segment", "orders", "", "amount", "events")
    return Part(
        "Where they stood", tuple(rows), head, (2, 4, 5), "Orders, amount and events are of the 30 days before."
    )


def _timeline(view: CustomerView) -> Part:
    rows = [
        (row["on"], row["what"], _counted(row["kind"], row["count"]), amount_or_nothing(row["amount"], view.currency))
        for row in _rows(view.timeline.head(_LINES))
    ]
    more = len(view.timeline) - len(rows)
    note = f"Left out: {counted(more, 'earlier line')}; --json has them all." if more else ""
    return Part("What happened", tuple(rows), ("on", "what", "", "amount"), (3,), note)


def _counted(kind: str, count: int) -> str:
    if kind in ("order", "return"):
        return counted(count, "line")
    return f"{count} times" if count > 1 else ""


def _favourites(view: CustomerView) -> Part:
    rows = tuple(
        (
            row["kind"],
            row["name"],
            money(row["amount"], view.currency),
            percent(row["share"]),
            f"{row['orders']}",
            row["last_on"],
        )
        for row in _rows(view.favourites)
    )
    return Part("What they like", rows, ("", "", "amount", "share", "orders", "last on"), (2, 3, 4))


def _service(view: CustomerView) -> Part:
    told = {name: value for name, value in view.service.items() if value is not None and value != 0}
    rows = tuple((in_words(name), _plain(name, value, view)) for name, value in told.items())
    return Part("Service", rows or (("", "no ticket, rating or return so far"),))


def _plain(name: str, value: Any, view: CustomerView) -> str:
    if isinstance(value, float):
        return money(value, view.currency) if "amount" in name else f"{value:.1f}"
    return str(value)


def _campaigns(view: CustomerView) -> Part:
    rows = [
        (row["on"], row["campaign"], or_dash(row["arm"]), or_dash(row["channel"]), _answered(row["answered_on"]))
        for row in _rows(view.contacts)
    ]
    rows += [
        (row["sent_on"], row["campaign"], row["arm"], *_listed(row["rank"], row["ends_on"]))
        for row in _rows(view.assigned)
    ]
    rows.sort(key=lambda row: row[0], reverse=True)
    return Part("Campaigns", tuple(rows[:_LINES]), ("on", "campaign", "arm", "by", ""))


def _listed(rank: int, ends_on: str) -> tuple[str, str]:
    """Tell how the ledger has somebody: on a list by rank, or without one in the programme of all campaigns."""
    return ("list", f"rank {rank}, going on until {ends_on}") if rank else ("programme", f"judged until {ends_on}")


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: Any = table.to_dict("records")
    return list(rows)


def _answered(on: Any) -> str:
    return "" if on is None or pd.isna(on) else f"order on {on}"
