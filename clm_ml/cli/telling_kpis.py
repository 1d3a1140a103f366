"""What `clm-ml kpis` tells a person, and a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import pandas as pd

from clm_ml.cli.answering import Answer
from clm_ml.lifecycle import kpi_catalogue
from clm_ml.pipeline import Staged

__all__ = ["tell_staged"]

_WIDTH = 100


def tell_staged(answer: Answer, staged: Staged, by: str | None) -> None:
    """Tell the last period: everybody, then each phase or segment; the periods before; and who came again."""
    answer.tell(_facts(staged))
    for warning in staged.warnings:
        answer.warn(warning)
    told = staged.kpis
    last = told[told["period_end"] == told["period_end"].max()]
    start, end = last["period_start"].iloc[0], last["period_end"].iloc[0]
    answer.say(f"from {start} to before {end}, {(end - start).days} days, as known at {staged.as_of}\n")
    answer.say("\n".join(_defined(last)))
    if by != "period":
        groups = [group for group in staged.groups[by or "phase"] if group != "all"]
        _say_wide(
            answer, f"by {by or 'phase'} when the period began (conversion_rate: when it ended):", last, "group", groups
        )
    if told["period_start"].nunique() > 1:
        everybody = told[told["group"] == "all"]
        _say_wide(answer, "everybody, by the day on which each period began:", everybody, "period_start", None)
    if staged.cohorts is not None:
        _say_cohorts(answer, staged.cohorts)
    for path in staged.files:
        answer.say(f"  {path}")


def _facts(staged: Staged) -> dict[str, Any]:
    definitions = {
        kpi.name: {"unit": kpi.unit, "definition": kpi.meaning, "needs": list(kpi.needs)} for kpi in kpi_catalogue()
    }
    facts = {
        "as_of": staged.as_of,
        "kpis": _records(staged.kpis),
        "definitions": definitions,
        "files": [str(path) for path in staged.files],
        "warnings": list(staged.warnings),
    }
    return facts if staged.cohorts is None else facts | {"cohorts": _records(staged.cohorts)}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    days = {name: rows[name].map(str) for name in ("period_start", "period_end", "first_month") if name in rows}
    plain = rows.assign(**days).astype(object)
    records: Any = plain.where(plain.notna(), None).to_dict("records")
    return list(records)


def _defined(last: pd.DataFrame) -> Iterator[str]:
    """Lay out everybody's KPIs, each with its definition, or with what would give it."""
    everybody = last[last["group"] == "all"].set_index("kpi")
    lacking = last.dropna(subset=["needs"]).drop_duplicates("kpi").set_index("kpi")["needs"]
    yield f"{'kpi':21}  {'value':>9}  {'unit':7}  {'of':>9}  what it is"
    for kpi in kpi_catalogue():
        value, of, unit = "", "", kpi.unit
        if kpi.name in everybody.index:
            row: Any = everybody.loc[kpi.name]
            value, of, unit = _shown(row["value"], row["unit"]), _count(row["of"]), row["unit"]
        words = f"needs {lacking[kpi.name]}" if kpi.name in lacking.index else kpi.meaning
        first, *others = wrap(words, _WIDTH - 54, break_long_words=False)
        yield f"{kpi.name:21}  {value:>9}  {unit:7}  {of:>9}  {first}"
        yield from (f"{'':54}{line}" for line in others)


def _say_wide(answer: Answer, title: str, told: pd.DataFrame, across: str, columns: Sequence[Any] | None) -> None:
    """Say a row a KPI and a column a group or period, in as many tables as lines are too short for."""
    shown = [_shown(value, unit) for value, unit in zip(told["value"], told["unit"], strict=True)]
    wide = told.assign(value=shown).pivot(index="kpi", columns=across, values="value")
    wide = wide.reindex([kpi.name for kpi in kpi_catalogue() if kpi.name in wide.index])
    wide = wide.reindex(columns=[*wide.columns] if columns is None else [*columns]).fillna("")
    wide = wide[~wide.isin(["", "–"]).all(axis=1)]
    answer.say(f"\n{title}")
    tables = _fitted({str(name): wide[name].tolist() for name in wide}, wide.index.tolist())
    answer.say("\n\n".join("\n".join(lines) for lines in tables))


def _fitted(columns: Mapping[str, list[str]], names: list[str]) -> Iterator[list[str]]:
    """Lay columns out to the right of the names, and begin again where a line would be too long."""
    margin = max(map(len, names), default=0)
    lines = blank = [f"{name:{margin}}" for name in ("", *names)]
    for title, cells in columns.items():
        width = max(map(len, (title, *cells)))
        if len(lines[0]) + 2 + width > _WIDTH:
            yield _filled(lines, margin)
            lines = blank
        lines = [f"{line}  {cell:>{width}}" for line, cell in zip(lines, (title, *cells), strict=True)]
    yield _filled(lines, margin)


def _filled(lines: list[str], margin: int) -> list[str]:
    """Keep the lines that have a value to the right of the margin."""
    return [line.rstrip() for line in lines if line[margin:].strip(" –")]


def _say_cohorts(answer: Answer, triangle: pd.DataFrame) -> None:
    """Say the share of each cohort that ordered in each month since; open months are blank."""
    answer.say("\nshare of those who first ordered in a month that ordered so many months later:")
    months = {f"{month:%Y-%m}": rows for month, rows in triangle.groupby("first_month")}
    columns = {"customers": [f"{rows['customers'].iloc[0]:,}" for rows in months.values()]}
    for since in sorted(set(triangle["months_since"]) - {0}):
        shares = [rows.set_index("months_since")["ordered_share"][since] for rows in months.values()]
        columns[str(since)] = ["" if pd.isna(share) else f"{share:.0%}" for share in shares]
    answer.say("\n\n".join("\n".join(lines) for lines in _fitted(columns, list(months))))


def _shown(value: float, unit: str) -> str:
    if pd.isna(value):
        return "–"
    if unit == "share":
        return f"{value:.1%}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.2f}"


def _count(of: Any) -> str:
    return "" if pd.isna(of) else f"{of:,}"
