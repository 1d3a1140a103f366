"""Whether what the model learned still holds: what `clm-ml monitor` found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clm_ml.report.blocks import Block, Section, Table, Words
from clm_ml.report.material import Material
from clm_ml.report.words import day, in_words, number

__all__ = ["drift_in_short", "drifting"]

_LEVELS = {"alarm": 0, "notice": 1, "silent": 2}


def drifting(material: Material) -> Section:
    """Show alarms and notices, or say that all is quiet."""
    told = material.monitored
    if told is None:
        how = "clm-ml monitor CONFIG --scores DIR writes what has drifted since training; then report with --monitored FILE."
        return Section("drift", "Whether it still holds", (Words((how,), "note"),))
    findings = sorted(told["findings"], key=lambda finding: _LEVELS[finding["level"]])
    loud = [finding for finding in findings if finding["level"] != "silent"]
    blocks: list[Block] = [Words((drift_in_short(told),), "alarm" if told["alarm"] else "good")]
    blocks += [Words((str(f["words"]),), "alarm" if f["level"] == "alarm" else "plain") for f in loud]
    if findings:
        head = ("What", "Kind", "Level", "Found", "Threshold")
        rows = tuple(
            (
                in_words(str(f["what"])),
                in_words(str(f["kind"])),
                str(f["level"]),
                _value(f["value"]),
                _value(f["threshold"]),
            )
            for f in findings
        )
        blocks.append(Table("Everything that was looked at", head, rows, words=(0, 1, 2), is_folded=True))
    return Section("drift", "Whether it still holds", blocks)


def drift_in_short(told: Mapping[str, Any]) -> str:
    """Say in a sentence what was found."""
    levels = [finding["level"] for finding in told["findings"]]
    since = f"since {day(told['reference_as_of'])}"
    if told["alarm"]:
        return f"Drift: {levels.count('alarm'):,} of {len(levels):,} things looked at have moved {since} by more than they may."
    if "notice" in levels:
        return f"Drift: no alarm; {levels.count('notice'):,} of {len(levels):,} things looked at have moved {since}."
    return f"Drift: all is quiet {since}."


def _value(value: Any) -> str:
    return number(value, 3) if isinstance(value, int | float) and not isinstance(value, bool) else str(value or "–")
