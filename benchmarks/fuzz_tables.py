"""Draws small tables, ordinary values among nasty ones, and compares what the front door makes with the oracle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from fuzz_oracle import ANY, NEVER, Expected, Plan
from fuzz_verdicts import SECRET, Defect, Ended, ended, refuse, refuse_bad_sentence, some
from typer.testing import CliRunner

from clm_ml.cli import app
from clm_ml.config import Config
from clm_ml.engine import Engine, open_embedded
from clm_ml.pipeline import propose_config
from clm_ml.tables import read_tables

__all__ = ["COLUMNS", "KEPT_NAMES", "Drawn", "asked", "draw_names", "draw_plan", "has_kept_name", "judged", "run"]

#: The columns of each table: what is needed, then what may be mapped too.
COLUMNS = {
    "orders": (("customer_id", "ordered_at", "amount"), ("order_id", "quantity", "discount", "is_return", "loaded_at")),
    "events": (("customer_id", "occurred_at", "event_type"), ("value", "duration_seconds", "channel", "loaded_at")),
    "customers": (("customer_id",), ("created_at", "may_contact", "country", "contact_email", "shoe")),
    "contacts": (("customer_id", "campaign", "contacted_at"), ("arm", "cost")),
    "spend": (("spent_on", "amount"), ("channel",)),
}
ZONES = (
    "UTC", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
    "America/Sao_Paulo", "Africa/Casablanca",
)  # fmt: skip
_FIRST = (date(1990, 1, 1), date(1, 1, 1), date(2024, 3, 31), date(9998, 1, 1))
_END = (date(2025, 1, 1), None, date(9000, 1, 1), date(1, 1, 2), date(2024, 3, 31))

#: Names that a column of somebody's file may have.
_NAMES = (
    "reason", "second", "day", "select", 'a "quoted" name', "it's", "Čeština", "名", "😀", "a.b",
    "x" * 300, "0", "clm", "clmday", "customer_id; DROP TABLE x", "rowid", "filename", "a\u00a0b", "{}", "%s",
    "null", "true", "CASE",
)  # fmt: skip


#: Names that are kept for ours: whoever has one is told to call it something else.
KEPT_NAMES = ("*", "clm day", "CLM reason", "clm ")


@dataclass(frozen=True)
class Drawn:
    """A table as it was written: the plan of its columns, their names in the file, and what has to become of it."""

    plan: Plan
    names: Mapping[str, str]
    path: Path
    expected: Expected | None  # None: it cannot be read, and has to be refused
    may_refuse: bool = False


def draw_plan(draw: Random) -> Plan:
    """Draw which table it is, and which of its columns are mapped."""
    table = draw.choices(list(COLUMNS), (10, 4, 3, 2, 1))[0]
    needed, optional = COLUMNS[table]
    columns = [*needed, *draw.sample(optional, min(draw.choice((0, 1, 1, 2, 5)), len(optional)))]
    first, end = some(draw, [_FIRST[0]], list(_FIRST), 0.15), some(draw, [_END[0]], list(_END), 0.3)
    if table != "orders" and end is None:  # the orders beside it would have a say in the last day
        end = _END[0]
    return Plan(table, columns, some(draw, ["UTC", "Europe/London"], list(ZONES), 0.5), first, end)


def draw_names(draw: Random, columns: Sequence[str]) -> dict[str, str]:
    """Draw what the columns are called in a file, each by another name even to who reads no case."""
    names: dict[str, str] = {}
    for column in columns:
        name = some(draw, [column], [*_NAMES, column.upper(), f"my {column}"], 0.25)
        taken = {other.casefold() for other in names.values()} | {other for other in columns if other != column}
        names[column] = column if name.casefold() in taken else name
    return names


def has_kept_name(names: Sequence[str]) -> bool:
    """Say whether a file has a column with such a name."""
    return any(name == "*" or name.casefold().startswith("clm ") for name in names)


def judged(drawn: Drawn, draw: Random, home: Path) -> Ended:
    """Read a drawn table by the package, and compare; now and then ask whole verbs too."""
    content = _content(drawn, draw, home)
    config = Config.model_validate(content | {"home": home})
    engine = _engine(drawn.plan.zone)
    done = ended(lambda: _told(config, engine, drawn.plan), {11, 12})
    _compare(done, drawn, content["tables"][drawn.plan.table]["max_rejected_share"])
    if draw.random() < 1 / 80:
        _ask_check(content, home, done)
    if draw.random() < 1 / 25:
        out = home / "proposed.yaml"
        out.unlink(missing_ok=True)
        ended(lambda: propose_config([drawn.path], out), {2, 12})
    return replace(done, gave=None)


_OPEN: dict[str, tuple[Engine, int]] = {}


def _engine(zone: str) -> Engine:
    """Lend an engine to some hundred cases of a zone: opening one costs as much as a case."""
    engine, cases = _OPEN.pop(zone, (None, 0))
    if engine is None or cases >= 300:
        if engine is not None:
            engine.close()
        mapped = {"customer_id": "a", "ordered_at": "b", "amount": "c"}
        content = {"project": "fuzz", "timezone": zone, "threads": 1}
        content |= {"tables": {"orders": {"source": "x.csv", "columns": mapped}}}
        engine, cases = open_embedded(Config.model_validate(content)), 0
    _OPEN[zone] = (engine, cases + 1)
    return engine


def _content(drawn: Drawn, draw: Random, home: Path) -> dict[str, Any]:
    plan = drawn.plan
    table = {
        "source": drawn.path.name,
        "columns": dict(drawn.names),
        "min_date": plan.first.isoformat(),
        "max_rejected_share": some(draw, [1.0], [0.0, 0.3], 0.2),
    }
    tables = {plan.table: table}
    if plan.table != "orders":
        (home / "good.csv").write_text("who,bought_on,paid\nx,2024-01-01,1\n", encoding="utf-8")
        mapped = {"customer_id": "who", "ordered_at": "bought_on", "amount": "paid"}
        tables["orders"] = {
            "source": "good.csv",
            "columns": mapped,
            "max_rejected_share": 1.0,
            "min_date": "0001-01-01",
        }
        if plan.end is not None and plan.end <= date(2024, 1, 1):
            (home / "good.csv").write_text("who,bought_on,paid\nx,0001-01-01,1\n", encoding="utf-8")
    until = {} if plan.end is None else {"complete_until": plan.end.isoformat()}
    return {"project": "fuzz", "timezone": plan.zone, "threads": 1, "tables": tables} | until


def _told(config: Config, engine: Engine, plan: Plan) -> tuple[Any, dict[Any, list[int]]]:
    tables = read_tables(config, engine)
    frame = getattr(tables, plan.table)
    rows = engine.collect(frame).to_pylist()
    engine.collect(tables.quarantined[plan.table])
    people: dict[Any, list[int]] = {}
    for row in rows:
        lines = people.setdefault(row.get("customer_id"), [0, 0, *NEVER])
        lines[0] += 1
        lines[1] += row.get("amount_minor", row.get("cost_minor")) or 0
        day = row.get("day", row.get("created_day"))
        lines[2] = lines[2] if day is None else max(lines[2], day)
        lines[3] = max(lines[3], row.get("second", lines[3]))
    return tables.counts[plan.table], people


def _compare(done: Ended, drawn: Drawn, allowed: float) -> None:
    expected = drawn.expected
    if done.code:
        if expected is None or drawn.may_refuse or not expected.is_sure or done.code == 11:
            return
        share = (expected.read - expected.used) / expected.read if expected.read else 1.0
        refuse(bool(expected.used) and share <= allowed, f"refused, but {expected.used} rows are in order: {done.told}")
        return
    refuse(expected is None, "read to its end, though it cannot be")
    assert expected is not None
    counts, people = done.gave
    refuse(counts.read != counts.used + sum(counts.rejected.values()), f"read is not used + quarantined: {counts}")
    refuse(expected.read not in (ANY, counts.read), f"{counts.read} rows read, of {expected.read}")
    if not expected.is_sure:
        return
    refuse(dict(counts.rejected) != dict(expected.rejected), f"rejected {counts.rejected}, not {expected.rejected}")
    refuse(people != expected.people, f"customers {people}, not {expected.people}")
    refuse(
        counts.used == 0 or counts.read - counts.used > allowed * counts.read + 1e-9,
        f"not refused: {counts}, {allowed}",
    )


def _ask_check(content: dict[str, Any], home: Path, done: Ended) -> None:
    """Ask the whole verb of the same config: it ends as reading did, and tells the same counts."""
    told = asked(content, home, "check", "--json", codes={11, 12, 13})
    if done.code or told.code:
        refuse(
            told.code != done.code and (bool(done.code) or told.code != 13), f"check ends with {told.code}: {told.told}"
        )
        return
    counts = done.gave[0]
    found = told.gave["tables"][next(name for name in content["tables"])]
    refuse((found["read"], found["used"]) != (counts.read, counts.used), f"check tells {found}, not {counts}")


def asked(content: Any, home: Path, verb: str, *arguments: str, codes: set[int]) -> Ended:
    """Run a verb of the command line on a config; a bug's exit code 1 is a defect, as is a half-told error."""
    import yaml

    (home / "clm.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return run(verb, str(home / "clm.yaml"), *arguments, codes=codes)


def run(*arguments: str, codes: set[int]) -> Ended:
    """Run the command line."""
    result = CliRunner().invoke(app, list(arguments))
    errors = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    if result.exit_code == 0:
        refuse(bool(errors), f"success, and words on stderr: {errors}")
        return Ended(0, gave=json.loads(result.stdout) if "--json" in arguments else result.stdout)
    if result.exit_code not in codes:
        raise Defect(f"{' '.join(arguments)}: exit code {result.exit_code}: {result.stderr}{_bug(result.stderr)}")
    refuse(SECRET in result.stderr.lower(), f"tells of a person: {result.stderr}")
    told = "\n".join(errors)
    refuse(not told.startswith("error: "), f"no error is told: {result.stderr}")
    refuse_bad_sentence(told.removeprefix("error: "))
    return Ended(result.exit_code, told.removeprefix("error: "))


def _bug(told: str) -> str:
    """Add the traceback that the command line has kept, and remove it."""
    if "its traceback is in " not in told:
        return ""
    kept = Path(told.rsplit("its traceback is in ", 1)[1].split(maxsplit=1)[0].rstrip("."))
    words = kept.read_text(encoding="utf-8")
    kept.unlink()
    return "\n" + "\n".join(words.splitlines()[-12:])
