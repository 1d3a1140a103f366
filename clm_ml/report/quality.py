"""What the data are like: what was read, what was put into quarantine and why, and what that means for a reader."""

from __future__ import annotations

from clm_ml.report.blocks import Block, Section, Table, Words
from clm_ml.report.material import Material
from clm_ml.report.words import count, day, number, share
from clm_ml.timeline import parse_day

__all__ = ["quality", "rejected_share"]


def quality(material: Material) -> Section:
    """Show the counts that travel with the scores."""
    data = material.facts["data"]
    blocks: list[Block] = [Words((_until(material),))]
    rows = []
    for name, counts in data["tables"].items():
        rejected = counts["read"] - counts["used"]
        rows.append((name, number(counts["read"]), number(counts["used"]), number(rejected), share(_share(counts), 1)))
    blocks.append(Table("Rows read, used and rejected", ("Table", "Read", "Used", "Rejected", "Share"), tuple(rows)))
    reasons = tuple(
        (name, reason, number(rows_))
        for name, counts in data["tables"].items()
        for reason, rows_ in sorted(counts["rejected"].items(), key=lambda item: -item[1])
    )
    if reasons:
        blocks.append(Table("Quarantine: why rows were rejected", ("Table", "Reason", "Rows"), reasons, words=(0, 1)))
        blocks.append(
            Words(("clm-ml check CONFIG --quarantine DIR keeps the rejected rows, each with its reason.",), "note")
        )
    if not_scored := {reason: people for reason, people in (material.facts.get("not_scored") or {}).items() if people}:
        told = ", ".join(f"{reason} {people:,}" for reason, people in not_scored.items())
        blocks.append(Words((f"Not scored, since no list may hold them: {told}.",)))
    missing = [name for name in ("events", "customers", "contacts", "spend") if name not in data["tables"]]
    if missing:
        blocks.append(
            Words((f"No table of {' nor of '.join(missing)} was given; what needs them is not told.",), "note")
        )
    return Section("data", "What the data are like", blocks)


def rejected_share(material: Material) -> float:
    """Give the share of order rows that were rejected."""
    return _share(material.facts["data"]["tables"]["orders"])


def _share(counts: dict[str, int]) -> float:
    return (counts["read"] - counts["used"]) / counts["read"] if counts["read"] else 0.0


def _until(material: Material) -> str:
    until = material.facts["data"]["complete_until"]
    days = parse_day(until) - parse_day(material.as_of)
    whole = f"The tables are complete until {day(until)}"
    if not days:
        return f"{whole}, the day of these scores."
    return f"{whole}; these scores use only what was known {count(days, 'day')} earlier, on {day(material.as_of)}."
