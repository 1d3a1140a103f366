"""Whether what the model learned still holds: what `clm-ml monitor` found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clm_ml.report_page.blocks import Block, Section, Table, Words
from clm_ml.report_page.material import Material
from clm_ml.report_page.words import day, in_words, number

__all__ = ["drift_in_short", "drifting"]

_LEVELS = {"alarm": 0, "notice": 1, "silent": 2}


_HINT = Words(
    ("What has drifted since training was not asked:",),
    "note",
    ("clm-ml monitor CONFIG --scores DIR --out FILE", "clm-ml report … --monitored FILE"),
)


def drifting(material: Material) -> Section:
    """Show alarms and notices, or say that all is quiet."""
    told = material.monitored
    if told is None:
        return Section("drift", "Whether it still holds", (_HINT,))
    findings = sorted(told["findings"], key=lambda finding: _LEVELS[finding["level"]])
    loud = [finding for finding in findings if finding["level"] != "silent"]
    blocks: list[Block] = [Words((drift_in_short(told),), "alarm" if told["alarm"] else "good")]
    if told["as_of"] != material.as_of:
        blocks.append(Words((f"This was found of {day(told['as_of'])}, by other scores.",), "alarm"))
    blocks += [Words((str(f["words"]),), "alarm" if f["level"] == "alarm" else "plain") for f in loud]
    if findings:
        rows = tuple(
            (
                *(in_words(str(f[part])) for part in ("what", "kind", "level")),
                _value(f["value"]),
                _value(f["threshold"]),
            )
            for f in findings
        )
        head = ("What", "Kind", "Level", "Found", "Threshold")
        blocks.append(Table("Everything that was looked at", head, rows, words=(0, 1, 2), is_folded=True))
    return Section("drift", "Whether it still holds", blocks)


def drift_in_short(told: Mapping[str, Any]) -> str:
    """Say in a sentence what was found."""
    levels = [finding["level"] for finding in told["findings"]]
    alarms, notices, looked_at = levels.count("alarm"), levels.count("notice"), len(levels)
    since = f"since {day(told['reference_as_of'])}"
    if told["alarm"]:
        return f"Drift: of {looked_at:,} things looked at {alarms:,} have moved {since} by more than they may."
    if notices:
        return f"Drift: no alarm; of {looked_at:,} things looked at {notices:,} have moved {since}."
    return f"Drift: all is quiet {since}."


def _value(value: Any) -> str:
    return number(value, 3) if isinstance(value, int | float) and not isinstance(value, bool) else str(value or "–")
