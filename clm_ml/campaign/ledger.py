"""The ledger: who was assigned to which arm of which campaign, who is spoken for, and how many were forgotten.

It wins over computing arms again: a campaign listed twice has the same arms.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from clm_ml.campaign.arms import CONTACT, HOLDOUT, UNIVERSAL
from clm_ml.campaign.kept import (
    ASSIGNMENTS,
    COLUMNS,
    COUNTED,
    FORGOTTEN,
    ODD_ASSIGNMENTS,
    ODD_FORGOTTEN,
    PRUNED,
    WITH_PLAYS,
)
from clm_ml.engine import BATCH_ROWS
from clm_ml.errors import CampaignError

__all__ = ["Ledger", "open_ledger"]

_WAIT_SECONDS = 30.0

_THEIRS = "assignments WHERE customer_id IN (SELECT value FROM json_each(?))"


class Ledger:
    """The append-only record of assignments, in one SQLite file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def arms(self, campaign: str) -> dict[str, str]:
        """Give the arm of everyone ever assigned in a campaign."""
        rows = self._connection.execute("SELECT customer_id, arm FROM assignments WHERE campaign = ?", (campaign,))
        return dict(rows.fetchall())

    def plays(self, campaign: str) -> dict[str, int]:
        """Give the number of the play of everyone ever assigned in a campaign who was told another than the first."""
        asked = "SELECT customer_id, play FROM assignments WHERE campaign = ? AND play <> 1"
        return dict(self._connection.execute(asked, (campaign,)).fetchall())

    def campaigns(self) -> list[str]:
        """List the campaigns there are, in the order of the alphabet."""
        rows = self._connection.execute(f"SELECT DISTINCT campaign FROM ({self._counted()}) ORDER BY campaign")
        return [name for (name,) in rows.fetchall()]

    def assignments(self, campaign: str) -> pd.DataFrame:
        """Give everyone ever assigned in a campaign, with the ledger's columns, ordered by customer_id."""
        asked = f"SELECT {', '.join(COLUMNS)} FROM assignments WHERE campaign = ? ORDER BY customer_id"
        return pd.DataFrame(self._connection.execute(asked, (campaign,)).fetchall(), columns=list(COLUMNS))

    def reserved(self, campaign: str | None, day: str) -> set[str]:
        """List who is in another campaign that is live on a day (ISO), in whichever arm: until its horizon ends.

        Whoever is in a campaign sent after the day, but less than its horizon after, is listed too: older scores do
        not free them. Without a campaign all others are meant.
        """
        rows = self._connection.execute(
            "SELECT DISTINCT customer_id FROM assignments WHERE campaign IS NOT ? AND campaign <> ? "
            "AND ? < date(sent_on, horizon_days || ' days') AND sent_on < date(?, horizon_days || ' days')",
            (campaign, UNIVERSAL, day, day),
        )
        return {row[0] for row in rows.fetchall()}

    def contacted(self, campaign: str | None, day: str, times: int, days: int) -> set[str]:
        """List whom a contact on a day (ISO) would be the next to so many by other campaigns, all within so many days.

        Only those to contact count, not those held out. Contacts after the day count as those before do: older scores
        do not free anybody. Without a campaign all others are meant.
        """
        rows = self._connection.execute(
            "SELECT DISTINCT customer_id FROM (SELECT customer_id, sent_on AS first, "
            "LEAD(sent_on, ?) OVER (PARTITION BY customer_id ORDER BY sent_on) AS last "
            "FROM assignments WHERE arm = ? AND campaign IS NOT ? AND campaign <> ?) "
            "WHERE julianday(max(last, ?)) - julianday(min(first, ?)) < ?",  # null where so many have not been
            (times - 1, CONTACT, campaign, UNIVERSAL, day, day, days),
        )
        return {row[0] for row in rows.fetchall()}

    def share(self, campaign: str) -> float | None:
        """Give the share that was last meant to be held out of a campaign; None if nobody was assigned yet."""
        rows = self._connection.execute(
            "SELECT share FROM assignments WHERE campaign = ? ORDER BY sent_on DESC, customer_id LIMIT 1", (campaign,)
        )
        return next((float(share) for (share,) in rows), None)

    def of(self, customer_id: str) -> pd.DataFrame:
        """Give one customer's rows, in the order in which they were sent.

        Columns: campaign, arm, rank, sent_on, horizon_days, and ends_on, the day on which the campaign's horizon ends.
        """
        columns = ("campaign", "arm", "rank", "sent_on", "horizon_days", "ends_on")
        rows = self._connection.execute(
            "SELECT campaign, arm, rank, sent_on, horizon_days, date(sent_on, horizon_days || ' days') "
            "FROM assignments WHERE customer_id = ? ORDER BY sent_on, campaign",
            (customer_id,),
        )
        return pd.DataFrame(rows.fetchall(), columns=list(columns))

    def record(self, assigned: pd.DataFrame) -> dict[str, str]:
        """Add who is not yet in it, all of them or none, and give everyone's arm: the ledger's wins.

        Args:
            assigned: one row per customer of one campaign, with the ledger's columns.
        """
        columns, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
        with self._connection:
            self._connection.executemany(
                f"INSERT INTO assignments ({columns}) VALUES ({marks}) ON CONFLICT (campaign, customer_id) DO NOTHING",
                _rows(assigned),
            )
        return self.arms(str(assigned["campaign"].iloc[0])) if len(assigned) else {}

    def terms(self) -> pd.DataFrame:
        """Tell of each campaign, in the order of the alphabet, how many it has and how long they are to be kept.

        Those who were forgotten count: they were assigned, and how many they were is kept as long.

        Columns: campaign, customers, held_out, delete_first and delete_last (the first and the last `delete_after`),
        ends_on, the day its last horizon ends, and goes_on, the day from which it may go: after the last `delete_after`
        and the last horizon. All days are ISO.
        """
        columns = ("campaign", "customers", "held_out", "delete_first", "delete_last", "ends_on", "goes_on")
        rows = self._connection.execute(
            "SELECT *, max(date(delete_last, '1 day'), ends_on) FROM "
            "(SELECT campaign, sum(customers), sum(customers * (arm = ?)), "
            "min(delete_after), max(delete_after) AS delete_last, "
            "max(date(sent_on, horizon_days || ' days')) AS ends_on "
            f"FROM ({self._counted()}) GROUP BY campaign ORDER BY campaign)",
            (HOLDOUT,),
        )
        return pd.DataFrame(rows.fetchall(), columns=list(columns))

    def forget(self, campaigns: Sequence[str], day: str) -> None:
        """Remove campaigns whole, all or none, and keep how many were in each arm, ever: names may come again.

        SQLite only marks rows as free; here they are overwritten too.

        Args:
            campaigns: their names; of them only those go that may by then.
            day: the day (ISO) of removing them.
        """
        self._connection.execute("PRAGMA secure_delete = ON")
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(PRUNED)
            terms = self.terms()
            for name in terms.loc[(terms["goes_on"] <= day) & terms["campaign"].isin(campaigns), "campaign"]:
                self._connection.execute(
                    f"INSERT INTO pruned SELECT campaign, arm, sum(customers), ? FROM ({self._counted()}) "
                    "WHERE campaign = ? GROUP BY campaign, arm ON CONFLICT (campaign, arm) DO UPDATE SET "
                    "customers = customers + excluded.customers, pruned_on = excluded.pruned_on",
                    (day, name),
                )
                for table in ("assignments", *(["forgotten"] if self._has("forgotten") else [])):
                    self._connection.execute(f"DELETE FROM {table} WHERE campaign = ?", (name,))

    def of_people(self, customer_ids: Collection[str]) -> pd.DataFrame:
        """Give the rows of some people: campaign, arm and customer_id, in the order of the alphabet."""
        columns = ["campaign", "arm", "customer_id"]
        asked = f"SELECT {', '.join(columns)} FROM {_THEIRS} ORDER BY 1, 2, 3"
        return pd.DataFrame(self._connection.execute(asked, (json.dumps([*customer_ids]),)).fetchall(), columns=columns)

    def forget_people(self, customer_ids: Collection[str]) -> None:
        """Remove every row of some people, all or none, and keep how many were in which arm of each campaign.

        As in `forget`, rows are overwritten.
        """
        self._connection.execute("PRAGMA secure_delete = ON")
        people = (json.dumps([*customer_ids]),)
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(FORGOTTEN)
            self._connection.execute(
                f"INSERT INTO forgotten SELECT {COUNTED}, count(*) FROM {_THEIRS} GROUP BY {COUNTED} "
                f"ON CONFLICT ({COUNTED}) DO UPDATE SET customers = customers + excluded.customers",
                people,
            )
            self._connection.execute(f"DELETE FROM {_THEIRS}", people)

    def forgotten(self, campaign: str) -> dict[str, int]:
        """Tell how many were forgotten of those assigned in a campaign, by arm."""
        if not self._has("forgotten"):
            return {}
        asked = "SELECT arm, sum(customers) FROM forgotten WHERE campaign = ? GROUP BY arm ORDER BY arm"
        return dict(self._connection.execute(asked, (campaign,)).fetchall())

    def _counted(self) -> str:
        """Give everyone ever assigned, a row or several of them a row, as a query."""
        rows = f"SELECT {COUNTED}, 1 AS customers FROM assignments"
        return f"{rows} UNION ALL SELECT {COUNTED}, customers FROM forgotten" if self._has("forgotten") else rows

    def count_never_written(self) -> int:
        """Count the rows that no export and no forgetting has written as they are."""
        odd = {"assignments": ODD_ASSIGNMENTS, "forgotten": ODD_FORGOTTEN}
        counts = (f"SELECT count(*) FROM {table} WHERE {rows}" for table, rows in odd.items() if self._has(table))
        return sum(int(self._connection.execute(count).fetchone()[0]) for count in counts)

    def _has(self, table: str) -> bool:
        """Say whether there is a table: those that came later are made when they are needed."""
        there = "SELECT 1 FROM sqlite_master WHERE name = ?"
        return self._connection.execute(there, (table,)).fetchone() is not None

    def pruned(self) -> dict[str, str]:
        """Tell the campaigns that were removed, and on which day (ISO)."""
        if not self._has("pruned"):
            return {}
        return dict(
            self._connection.execute("SELECT campaign, max(pruned_on) FROM pruned GROUP BY campaign").fetchall()
        )

    def refuse_pruned(self, campaign: str) -> None:
        """Refuse to list a campaign anew of which nobody remembers who was held out.

        Raises:
            CampaignError: if it was removed.
        """
        if (day := self.pruned().get(campaign)) is not None:
            raise CampaignError(
                f"campaign {campaign!r} was pruned on {day}, and nobody remembers who was held out of it; choose "
                "another name."
            )


def _rows(assigned: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Give rows as they are asked for: a million of them as objects would take more than all else does."""
    for start in range(0, len(assigned), BATCH_ROWS):
        part = assigned.iloc[start : start + BATCH_ROWS]
        yield from part[list(COLUMNS)].astype(object).itertuples(index=False, name=None)


@contextmanager
def open_ledger(path: Path, *, only_look: bool = False) -> Iterator[Ledger]:
    """Open the ledger; it is made at its first use, and only its owner may read it.

    Args:
        path: its file.
        only_look: whether nothing will be recorded: a ledger that is not there is then taken as empty, not made.

    Raises:
        CampaignError: if it cannot be opened, is no ledger, or holds rows that were never written.
    """
    try:
        with closing(sqlite3.connect(_place(path, only_look), timeout=_WAIT_SECONDS)) as connection:
            connection.execute(ASSIGNMENTS)
            if "play" not in (column for _, column, *_ in connection.execute("PRAGMA table_info(assignments)")):
                connection.execute(WITH_PLAYS)
            ledger = Ledger(connection)
            if odd := ledger.count_never_written():
                raise _unusable(path, f"rows that were altered: {odd:,}; restore it")
            yield ledger
    except (sqlite3.Error, UnicodeDecodeError) as error:
        is_of_a_text = isinstance(error, UnicodeDecodeError) or "decode" in str(error)  # it quotes the text
        raise _unusable(path, "a text in it is damaged; restore it" if is_of_a_text else error) from None


def _place(path: Path, only_look: bool) -> str:
    if only_look and not path.exists():
        return ":memory:"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise _unusable(path, error.strerror) from None
    return str(path)


def _unusable(path: Path, why: object) -> CampaignError:
    told = str(why).partition("\n")[0]  # SQLite may quote what it has read
    return CampaignError(f"the ledger {path} cannot be used ({told}); nothing was assigned.")
