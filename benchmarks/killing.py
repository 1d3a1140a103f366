"""Is anything half-written or lost if a verb is killed?  Every verb that writes, killed a hundred times.

Two of three kills come after a random share of the time that a whole run takes, the third just before a random one of
the changes that Python makes to files. Ten kills in a row hit the same folder, every other time one in which the verb
has been run already (it is then asked to replace what is there); after each of them

- every box that can be seen opens, and its files are those that its manifest tells of;
- every file that can be seen has the bytes it had, or those of a run that nothing disturbed;
- the ledger has every row it had, and no strange one; MLflow's store every run.

After the tenth the verb is run once more, to its end: it must succeed, leave nothing hidden, and give the same bytes
as a run that nothing disturbed. MLflow's store is compared by its runs, the ledger by its rows, those who were
forgotten by how many they are, since their digests are salted. Prints the table that is kept in README.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from campaigns import table
from trials import VERBS, State, Trials

IN_A_ROW = 10


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--times", type=int, default=100, help="kills of each verb")
    asked.add_argument("--verbs", nargs="*", choices=VERBS, default=[*VERBS], metavar="VERB", help=", ".join(VERBS))
    asked.add_argument("--seed", type=int, default=1)
    told = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="killing-") as home:
        trials = Trials(Path(home))
        trials.prepare(told.verbs)
        rows, defects = [], 0
        for name in told.verbs:
            killed = kill(trials, name, told.times, random.Random(f"{told.seed} {name}"))
            rows.append(killed.row())
            defects += sum(killed.defects.values())
            print(rows[-1], flush=True)
            for defect, count in killed.defects.most_common():
                print(f"  {count} x {defect}", flush=True)
    print(table(rows))
    raise SystemExit(1 if defects else 0)


@dataclass
class Killed:
    """What killing one verb has shown."""

    verb: str
    seconds: float
    kills: int = 0
    running: int = 0
    leaving: int = 0
    next_runs: int = 0
    defects: Counter[str] = field(default_factory=Counter)

    def row(self) -> dict[str, object]:
        """Tell it as a row of the table."""
        return {
            "verb": self.verb,
            "seconds undisturbed": f"{self.seconds:.1f}",
            "kills": self.kills,
            "while it ran": self.running,
            "that left a hidden folder": self.leaving,
            "runs afterwards": self.next_runs,
            "defects": sum(self.defects.values()),
        }


def kill(trials: Trials, name: str, times: int, draw: random.Random) -> Killed:
    """Kill a verb so many times, and run it to its end after every tenth."""
    trials.begin(name)
    starts = [trials.look()]
    trials.keep("nothing there")
    whole = trials.run(trials.verbs[name].words)
    after = trials.look()
    trials.keep("there already")
    done = Killed(name, whole.seconds)
    while done.running < times and done.kills < 3 * times:
        number = done.kills // IN_A_ROW
        state = ("nothing there", "there already")[number % 2]
        before = (starts[0], after)[number % 2]
        trials.restore(state)
        for _ in range(IN_A_ROW):
            _kill_once(trials, done, draw, whole.seconds, whole.changes)
            looked = trials.look()
            done.leaving += bool(looked.unfinished)
            done.defects.update(looked.refuse_half(before, after, trials.verbs[name].removes))
        _finish(trials, done, after)
        print(f"{name}: {done.running} of {times}", file=sys.stderr, flush=True)
    return done


def _kill_once(trials: Trials, done: Killed, draw: random.Random, seconds: float, changes: int) -> None:
    words = trials.again(done.verb)
    done.kills += 1
    if done.kills % 3 == 0:
        ended = trials.die(words, draw.randint(1, changes))
    else:
        ended = trials.kill(words, draw.uniform(0, seconds))
    done.running += ended.code == -9
    if ended.code != -9 and not ended.is_well:
        done.defects[f"a run that was to be killed ended with {ended.code}: {ended.told()}"] += 1


def _finish(trials: Trials, done: Killed, after: State) -> None:
    ended = trials.run(trials.again(done.verb))
    done.next_runs += 1
    if ended.is_well:
        done.defects.update(f"afterwards {defect}" for defect in trials.look().refuse_other(after))
    else:
        done.defects[f"the next run ended with {ended.code}: {ended.told()}"] += 1


if __name__ == "__main__":
    main()
