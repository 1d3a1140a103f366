"""Does uplift order customers better than chance, and does its gate let through what is not there?

Prints the tables that are kept in README.md: S7, Qini of each learner on a real e-mail test, learned on one half and
asked of the other, three times; the gate on that test; and how often it passes where a contact does the same to all.
`--simulations` says how many; the data are looked for as quality.py does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from campaigns import find, table

from clm_ml.config import UpliftPlan
from clm_ml.uplift import learn_uplift

FEATURES = ("recency", "history", "mens", "womens", "newbie", "zip_code", "channel")
LEARNERS = ("auto", "x", "t", "response")
TABLES = ("s7", "gates", "simulated")
GOALS = {"Womens": 70.0, "Mens": 25.0}
ASKED = {"features": FEATURES, "arm": "segment", "holdout": "No E-Mail", "share": 0.5}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--simulations", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES, help="which; all, if none is named")
    asked.add_argument("--learners", nargs="+", choices=LEARNERS, default=["auto", "x"], help="of the simulated gate")
    told, begun = asked.parse_args(), time.process_time()
    mail = pd.read_parquet(find("hillstrom.parquet"))
    tables = {
        "s7": s7(mail, told.seed),
        "gates": gates(mail),
        "simulated": constant(told.simulations, told.seed, told.learners),
    }
    for name in told.tables:
        print(table(list(tables[name])), "\n", flush=True)
    print(f"{time.process_time() - begun:,.0f} CPU seconds")


def s7(mail: pd.DataFrame, seed: int) -> Iterator[dict]:
    """Learn on a half, ask the other, both ways round, three times; the gain over chance order, in basis points."""
    for name, goal in GOALS.items():
        people = mail[mail["segment"].isin([f"{name} E-Mail", "No E-Mail"])].reset_index(drop=True)
        found: dict[str, list[float]] = {learner: [] for learner in (*LEARNERS, "recency")}
        errors: dict[str, list[float]] = {learner: [] for learner in found}
        chosen = []
        for repeat in range(3):
            rng = np.random.default_rng(seed + repeat)
            places = np.array_split(rng.permutation(len(people)), 2)
            for learn, ask in (places, places[::-1]):
                taught, judged = people.iloc[learn], people.iloc[ask]
                scores = {"recency": judged["recency"].to_numpy(dtype=float)}
                for learner in LEARNERS:
                    uplift = learn_uplift(taught, ordered="visit", plan=UpliftPlan(learner=learner), **ASKED)
                    scores[learner] = uplift.learners.scores(judged)[uplift.learner]
                    chosen += [uplift.learner] if learner == "auto" else []
                for learner, score in scores.items():
                    value, error = qini(score, judged, rng)
                    found[learner].append(value)
                    errors[learner].append(value / error)
        for learner, values in found.items():
            mean, lowest = np.mean(values), min(errors[learner])
            yield {
                "mail": name, "ordered by": learner, "Qini, bp": f"{mean:.1f}", "lowest of 6": f"{min(values):.1f}",
                "lowest z": f"{lowest:.1f}",
                "goal": "" if learner != "auto" else f"{goal:.0f}: {'holds' if mean >= goal else 'missed'}",
                "chose": " ".join(chosen) if learner == "auto" else "",
            }  # fmt: skip


def qini(score: np.ndarray, people: pd.DataFrame, rng: np.random.Generator) -> tuple[float, float]:
    """Give the mean over f of the gain in the top f over that of a random f, by raw rates, and its standard error."""
    order = np.lexsort((rng.random(len(score)), -score))
    sent = (people["segment"] != "No E-Mail").to_numpy()[order]
    came = people["visit"].to_numpy(dtype=float)[order]
    share = np.arange(1, len(order) + 1) / len(order)
    contacted, held = np.maximum(np.cumsum(sent), 1), np.maximum(np.cumsum(~sent), 1)
    gain = share * (np.cumsum(came * sent) / contacted - np.cumsum(came * ~sent) / held)
    value = float((gain - share * gain[-1]).mean())
    rest = np.where(sent, (came - came[sent].mean()) / sent.mean(), -(came - came[~sent].mean()) / (~sent).mean())
    error = float(((0.5 - share) * rest).std() / len(order) ** 0.5)
    return 1e4 * value, 1e4 * error


def gates(mail: pd.DataFrame) -> Iterator[dict]:
    """Ask the gate on the whole test."""
    for name in GOALS:
        people = mail[mail["segment"].isin([f"{name} E-Mail", "No E-Mail"])]
        for outcome in ("visit", "conversion"):
            for learner in ("auto", "x"):
                told = learn_uplift(people, ordered=outcome, plan=UpliftPlan(learner=learner), **ASKED)
                basis = [f"{1e4 * number:.1f}" for number in (told.qini.value, told.qini.low, told.qini.high)]
                yield {
                    "mail": name, "outcome": outcome, "learner": learner, "z": f"{told.gate.z:.2f}",
                    "gate": "passed" if told.gate.passed else "not passed",
                    "Qini, bp": "{} [{}, {}]".format(*basis),
                }  # fmt: skip


def constant(simulations: int, seed: int, learners: Sequence[str]) -> Iterator[dict]:
    """Count how often the gate passes where a contact does the same to everybody, and where it does not."""
    for held, differs in ((0.5, 0.0), (0.1, 0.0), (0.5, 1.0)):
        for learner in learners:
            runs = simulations if not differs else simulations // 4
            passed = [passes(held, differs, learner, seed * 100_000 + number) for number in range(runs)]
            yield {
                "held out": f"{held:.0%}", "effect": "differs" if differs else "the same for all", "learner": learner,
                "simulations": str(runs), "passed": f"{np.mean(passed):.3f}",
            }  # fmt: skip


def passes(held: float, differs: float, learner: str, seed: int) -> bool:
    """Draw 4,000 customers who order by what is known of them, and are moved by 5 points, or by 0 to 10."""
    rng = np.random.default_rng(seed)
    known = rng.normal(size=(4_000, 6))
    contacted = rng.random(4_000) >= held
    effect = 0.05 * (1 + differs * np.sign(known[:, 2]))
    chance = 0.05 + 0.35 / (1 + np.exp(-1.5 * known[:, 0] - known[:, 1])) + contacted * effect
    frame = pd.DataFrame(known, columns=list("abcdef"))
    frame["arm"] = np.where(contacted, "contact", "holdout")
    frame["ordered"] = (rng.random(4_000) < chance).astype(int)
    return learn_uplift(frame, share=held, plan=UpliftPlan(learner=learner)).gate.passed


if __name__ == "__main__":
    main()
