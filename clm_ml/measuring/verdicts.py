"""What a campaign is said to have done, in one word and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from clm_ml.measuring.arms import Pair
from clm_ml.measuring.differing import holm, shown
from clm_ml.measuring.effects import Effect, Terms, compare
from clm_ml.measuring.interim import Interim
from clm_ml.measuring.intervals import Interval, chance_of
from clm_ml.measuring.ratio import Ratio

__all__ = ["Judged", "Verdict", "collecting", "correct", "decide", "refused"]

Word = Literal["collecting", "inconclusive", "earned", "lost", "refused"]


@dataclass(frozen=True)
class Verdict:
    """A word, and the sentence that gives the reason.

    Attributes:
        word: collecting (the horizon is open), inconclusive (it may have done nothing), earned, lost, or refused (the
            arms are not what was meant).
        sentence: the reason, with figures.
        about: what was judged: profit, revenue or buyers; None if nothing was.
        chance: of a figure as far from zero if the campaign did nothing; corrected where several plays were judged.
    """

    word: Word
    sentence: str
    about: str | None = None
    chance: float | None = None

    def facts(self) -> dict[str, Any]:
        """Tell it as plain data."""
        return {"verdict": self.word, "why": self.sentence, "about": self.about, "chance": self.chance}


@dataclass(frozen=True)
class Judged:
    """An effect, and what is said of it."""

    effect: Effect
    verdict: Verdict


def decide(name: str, pairs: Sequence[Pair], terms: Terms, z: float, confidence: float, currency: str) -> Judged:
    """Compare, and judge by whether the interval of what decides lies on one side of zero."""
    effect = compare(name, pairs, terms, z)
    about, figure = effect.deciding
    if figure is None:
        few = "fewer than five bought, or spent nothing all in all: nothing is said of revenue"
        return Judged(effect, Verdict("inconclusive", f"{few}.", about))
    chance = chance_of(lambda other: compare(name, pairs, terms, other).deciding[1] or figure)
    return Judged(effect, _verdict(about, figure, chance, confidence, currency))


def _verdict(about: str, figure: Interval, chance: float, confidence: float, currency: str, how: str = "") -> Verdict:
    unit = "" if about == "buyers" else f" {currency}".rstrip()
    figures = f"{figure.value:,.0f}{unit}, with {confidence:.0%} confidence between {figure.low:,.0f} and "
    told = f"{_INCREMENTAL[about]} {figures}{figure.high:,.0f}{how}"
    if chance >= 1 - confidence:
        why = "it may have done nothing" if about == "buyers" else "whether it earned or lost cannot be told"
        return Verdict("inconclusive", f"{told}: {why}.", about, chance)
    return Verdict("earned" if figure.value > 0 else "lost", f"{told}.", about, chance)


_INCREMENTAL = {"profit": "profit", "revenue": "incremental revenue", "buyers": "incremental buyers"}


def correct(judged: Sequence[Judged], confidence: float, currency: str) -> tuple[Judged, ...]:
    """Judge several plays again, corrected by Holm for having looked at all of them; their intervals stay their own."""
    chances = {each.effect.name: each.verdict.chance for each in judged}
    corrected = holm({name: chance for name, chance in chances.items() if chance is not None})
    return tuple(_again(each, corrected, confidence, currency) for each in judged)


def _again(judged: Judged, corrected: dict[str, float], confidence: float, currency: str) -> Judged:
    about, figure = judged.effect.deciding
    if figure is None:
        return judged
    chance = corrected[judged.effect.name]
    how = f" (p {shown(chance)}, corrected by Holm for {len(corrected)} plays)"
    return replace(judged, verdict=_verdict(about, figure, chance, confidence, currency, how))


def refused(ratio: Ratio) -> Verdict:
    """Refuse to tell a difference between arms that something other than chance has chosen.

    >>> print(refused(Ratio(0.1, 0.121, 1e-9, False)).sentence)
    12.1% are held out where 10.0% were meant (exact binomial test, p below .001): something other than chance chose
    the arms, and no difference between them is told.
    """
    shares = f"{ratio.found_share:.1%} are held out where {ratio.meant_share:.1%} were meant"
    return Verdict(
        "refused",
        f"{shares} (exact binomial test, p {shown(ratio.chance)}): something other than chance chose the arms, and no "
        "difference between them is told.",
    )


def collecting(interim: Interim, closes_on: str | None) -> Verdict:
    """Say what may be said before the horizon has closed."""
    until = f"outcomes are collected until {closes_on}" if closes_on else "outcomes are still being collected"
    buyers = f"{interim.buyers:,} have bought so far, {interim.contacted_buyers:,} of them contacted"
    about = f"{buyers}, where {interim.expected:,.1f} were to be expected if contacting did nothing"
    times = "the contacted buy {:.2f} to {:.2f} times as often".format(*interim.ratio)
    so_far = times if interim.is_clear else "nothing can be told yet"
    return Verdict("collecting", f"{until}; {about}: {so_far}.", "buyers", interim.chance)
