"""Does a verb keep its promises on a full disk, without permissions, in other zones and years, beside another run?

Every verb that writes is run on a small shop (that of killing.py) while

- no file may grow beyond some bytes, or the disk has but some bytes left (a small file system of its own, where one may
  be mounted), from a few to as many as it needs;
- it may write nothing, read none of the tables, or write neither ledger nor MLflow's store, as a user of its own;
- the machine is in another time zone, or thinks that it is another year (with libfaketime, where that is installed);
- the same verb runs at the same time, in the same folder and with the same store of MLflow.

It must do what it was asked, with the same bytes as ever, or refuse in one sentence (exit codes 11 to 16); nothing
half-written is to be seen, nothing hidden is left, no row of the ledger and no run of MLflow is lost, and the next run,
undisturbed, gives the same bytes as ever. Prints the table that is kept in README.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns import table
from trials import VERBS, Ended, Trials

STEPS = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000)
ZONES = ("Pacific/Apia", "America/Sao_Paulo", "Asia/Kathmandu")
YEARS = ("1999-12-31 23:59:58", "2038-01-19 03:14:06")
NOBODY = 65534
_FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
KINDS = ("file limit", "full disk", "permissions", "time zone", "clock", "two at once")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--verbs", nargs="*", choices=VERBS, default=[*VERBS], metavar="VERB", help=", ".join(VERBS))
    asked.add_argument("--kinds", nargs="*", choices=KINDS, default=[*KINDS], metavar="KIND", help=", ".join(KINDS))
    told = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="disturbing-") as home:
        trials = Trials(Path(home))
        trials.prepare(told.verbs)
        rows, all_defects = [], 0
        for name in told.verbs:
            found = Disturbed(trials, name)
            row = {"verb": name}
            for kind in told.kinds:
                row[kind] = found.try_all(kind)
            rows.append(row | {"defects": sum(found.defects.values())})
            all_defects += rows[-1]["defects"]
            print(rows[-1], flush=True)
            for defect, count in found.defects.most_common():
                print(f"  {count} x {defect}", flush=True)
    print(table(rows))
    raise SystemExit(1 if all_defects else 0)


class Disturbed:
    """One verb, what it does undisturbed, and what was found when it was disturbed."""

    def __init__(self, trials: Trials, name: str) -> None:
        self.trials, self.name, self.defects = trials, name, Counter[str]()
        self.words = trials.verbs[name].words
        trials.begin(name)
        trials.keep("start")
        self.before = trials.look()
        trials.run(self.words)
        self.after = trials.look()

    def try_all(self, kind: str) -> str:
        """Disturb it in all ways of a kind, and tell how often it did its work, and how often it refused."""
        ways = {
            "file limit": self._file_limits,
            "full disk": self._full_disks,
            "permissions": self._permissions,
            "time zone": self._zones,
            "clock": self._clocks,
            "two at once": self._two,
        }
        ends = [self._judged(kind, ended) for ended in ways[kind]()]
        return f"{sum(ends)} done, {len(ends) - sum(ends)} refused" if ends else "not tried"

    def _judged(self, kind: str, ended: Ended) -> bool:
        """Look at what a disturbed run has left, and run it again."""
        looked = self.trials.look()
        if ended.is_well:
            self._note(kind, looked.refuse_other(self.after))
        else:
            half = looked.refuse_half(self.before, self.after, self.trials.verbs[self.name].removes)
            half += [f"{name} was left" for name in looked.unfinished]
            half += [] if ended.is_one_sentence else [f"it ended with {ended.code}: {ended.told()}"]
            self._note(kind, half)
            again = self.trials.run(self.trials.again(self.name))
            if again.is_well:
                self._note(kind, [f"afterwards {told}" for told in self.trials.look().refuse_other(self.after)])
            else:
                self._note(kind, [f"the next run ended with {again.code}: {again.told()}"])
        return ended.is_well

    def _note(self, kind: str, defects: list[str]) -> None:
        self.defects.update(f"{kind}: {defect}" for defect in defects)

    def _from_start(self, before: Callable[[], None]) -> Ended:
        self.trials.restore("start")
        return self.trials.run(self.words, before)

    def _file_limits(self) -> Iterator[Ended]:
        for most in STEPS:
            yield self._from_start(lambda most=most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))

    def _full_disks(self) -> Iterator[Ended]:
        for left in STEPS:
            with _small_disk(self.trials, left) as is_mounted:
                if not is_mounted:
                    return
                ended = self.trials.run(self.words)
                _grow(self.trials)  # what is left is looked at, and run again, where there is room
                yield ended

    def _permissions(self) -> Iterator[Ended]:
        project, everyone = self.trials.project, 0o777
        for forbidden in ("writing", "tables", "stores"):
            self.trials.restore("start")
            for path in (project, *project.rglob("*")):
                if forbidden != "writing":
                    path.chmod(everyone)
                elif not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() else 0o644)
            private = {"writing": (), "tables": ("orders/*", "shop/*", "*.parquet"), "stores": ("*.db",)}[forbidden]
            for path in (path for pattern in private for path in project.glob(pattern)):
                path.chmod(0o444 if forbidden == "stores" else 0o000)
            (self.trials.home / "tmp").chmod(everyone)
            self.trials.home.chmod(0o755)
            ended = self.trials.run(self.words, lambda: os.setuid(NOBODY))
            yield ended

    def _zones(self) -> Iterator[Ended]:
        for zone in ZONES:
            yield self._from_start(lambda zone=zone: (os.environ.update(TZ=zone), time.tzset()))

    def _clocks(self) -> Iterator[Ended]:
        """Run it in a process of its own: a library has to be there from the start to tell another time."""
        if not Path(_FAKETIME).exists() or self.words[0] == "demo":
            return
        for year in YEARS:
            self.trials.restore("start")
            faked = {"LD_PRELOAD": _FAKETIME, "FAKETIME": f"@{year}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            command, begun = [sys.executable, "-m", "clm_ml", *self.words], time.monotonic()
            package = {"PYTHONPATH": str(Path(__file__).parent.parent)}
            done = subprocess.run(
                command,
                cwd=self.trials.project,
                env=os.environ | faked | package,
                capture_output=True,
                text=True,
                check=False,
            )
            yield Ended(done.returncode, done.stdout + done.stderr, time.monotonic() - begun)

    def _two(self) -> Iterator[Ended]:
        for words in (self.words, self.trials.again(self.name)):
            self.trials.restore("start")
            begun = time.monotonic()
            children = [self.trials.start(words) for _ in range(2)]
            ends = [self.trials.wait(child, begun) for child in children]
            done = [ended for ended in ends if ended.is_well]
            refused = [ended for ended in ends if not ended.is_well]
            if not done:
                self._note("two at once", [f"neither did its work: {refused[0].told()}"])
            strange = [f"one ended with {ended.code}: {ended.told()}" for ended in refused if not ended.is_one_sentence]
            runs = len(self.trials.look().runs) - len(self.before.runs)
            if runs < len(done) * (len(self.after.runs) - len(self.before.runs)):
                strange.append("MLflow lacks the run of one of them")
            self._note("two at once", strange)
            yield from ends if len(done) == len(ends) else done


@contextmanager
def _small_disk(trials: Trials, left: int) -> Iterator[bool]:
    """Mount a small file system in the place of the project, with so many bytes left; False if one may not."""
    trials.restore("start")
    sizes = [path.stat().st_size for path in trials.project.rglob("*") if path.is_file()]
    needed = sum(-(-size // 4096) * 4096 for size in sizes) + 4096
    shutil.rmtree(trials.project)
    trials.project.mkdir()
    size = f"size={needed + left}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(trials.project)], check=False, capture_output=True
    )
    if mounted.returncode:
        yield False
        return
    try:
        trials.restore("start")
        yield True
    finally:
        subprocess.run(["umount", "-l", str(trials.project)], check=True)


def _grow(trials: Trials) -> None:
    subprocess.run(["mount", "-o", "remount,size=1g", str(trials.project)], check=True)


if __name__ == "__main__":
    main()
