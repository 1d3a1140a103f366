"""What the data are like: what was read, what was put into quarantine and why, and what that means for a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clm_ml.report_page.blocks import Block, Section, Table, Words
from clm_ml.report_page.material import Material
from clm_ml.report_page.words import count, day, number, share
from clm_ml.timeline import parse_day

__all__ = ["doubts", "quality"]


#: From this share of rejected rows on a reader is warned.
_MANY = 0.1


def quality(material: Material) -> Section:
    """Show the counts that travel with the scores."""
    return Section("data", "What the data are like", list(_told(material)))


def _told(material: Material) -> Iterator[Block]:
    yield Words((_until(material),))
    tables = material.facts["data"]["tables"]
    rows = (
        (name, number(counts["read"]), number(counts["used"]), number(_rejected(counts)), share(_share(counts), 1))
        for name, counts in tables.items()
    )
    yield Table("Rows read, used and rejected", ("Table", "Read", "Used", "Rejected", "Share"), tuple(rows))
    reasons = tuple(
        (name, reason, number(count))
        for name, counts in tables.items()
        for reason, count in sorted(counts["rejected"].items(), key=lambda item: -item[1])
    )
    if reasons:
        yield Table("Quarantine: why rows were rejected", ("Table", "Reason", "Rows"), reasons, words=(0, 1))
        kept = "The rejected rows are kept, each with its reason, by:"
        yield Words((kept,), "note", ("clm-ml check CONFIG --quarantine DIR",))
    not_scored = {reason: people for reason, people in material.facts.get("not_scored", {}).items() if people}
    if not_scored:
        told = ", ".join(f"{reason} {people:,}" for reason, people in not_scored.items())
        yield Words((f"Not scored, since no list may hold them: {told}.",))
    if missing := [name for name in ("events", "customers", "contacts", "spend") if name not in tables]:
        named = " or ".join(missing)
        yield Words((f"There is no table of {named}: what needs it is neither learned from nor told.",), "note")


def doubts(material: Material) -> str:
    """Warn in a sentence if many rows of orders were rejected; nothing otherwise."""
    counts = material.facts["data"]["tables"]["orders"]
    if _share(counts) <= _MANY:
        return ""
    reason = max(counts["rejected"].items(), key=lambda item: item[1])[0]
    return f"{share(_share(counts))} of the rows of orders were rejected, most of them for this reason: {reason}."


def _rejected(counts: Mapping[str, int]) -> int:
    return counts["read"] - counts["used"]


def _share(counts: Mapping[str, int]) -> float:
    return _rejected(counts) / counts["read"] if counts["read"] else 0.0


def _until(material: Material) -> str:
    until = material.facts["data"]["complete_until"]
    days = parse_day(until) - parse_day(material.as_of)
    whole = f"The tables are complete until {day(until)}"
    if not days:
        return f"{whole}, the day of these scores."
    return f"{whole}; these scores use only what was known {count(days, 'day')} earlier, on {day(material.as_of)}."
