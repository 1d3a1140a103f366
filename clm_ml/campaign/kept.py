"""What the ledger keeps: its tables in SQL, and what no export writes into them."""

from clm_ml.campaign.arms import CONTACT, HOLDOUT

__all__ = ["ASSIGNMENTS", "COLUMNS", "COUNTED", "FORGOTTEN", "ODD_ASSIGNMENTS", "ODD_FORGOTTEN", "PRUNED", "WITH_PLAYS"]

ASSIGNMENTS = """
CREATE TABLE IF NOT EXISTS assignments (
    campaign TEXT NOT NULL, customer_id TEXT NOT NULL, arm TEXT NOT NULL, share REAL NOT NULL, stratum TEXT NOT NULL,
    rank INTEGER NOT NULL, score REAL NOT NULL, ranked_by TEXT NOT NULL, assigned_at TEXT NOT NULL,
    sent_on TEXT NOT NULL, horizon_days INTEGER NOT NULL, delete_after TEXT NOT NULL, play INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (campaign, customer_id)
) WITHOUT ROWID
"""
# Ledgers from before plays were compared: everybody had the first.
WITH_PLAYS = "ALTER TABLE assignments ADD COLUMN play INTEGER NOT NULL DEFAULT 1"
PRUNED = """
CREATE TABLE IF NOT EXISTS pruned (
    campaign TEXT NOT NULL, arm TEXT NOT NULL, customers INTEGER NOT NULL, pruned_on TEXT NOT NULL,
    PRIMARY KEY (campaign, arm)
) WITHOUT ROWID
"""
FORGOTTEN = """
CREATE TABLE IF NOT EXISTS forgotten (
    campaign TEXT NOT NULL, arm TEXT NOT NULL, share REAL NOT NULL, sent_on TEXT NOT NULL,
    horizon_days INTEGER NOT NULL, delete_after TEXT NOT NULL, customers INTEGER NOT NULL,
    PRIMARY KEY (campaign, arm, share, sent_on, horizon_days, delete_after)
) WITHOUT ROWID
"""
#: What is remembered of whoever was forgotten: to which arm how many were assigned, and for how long that counts.
COUNTED = "campaign, arm, share, sent_on, horizon_days, delete_after"
#: What no export writes: SQLite keeps values of any type in a column of any other.
_NEVER_WRITTEN = f"""
typeof(campaign) <> 'text' OR arm NOT IN ('{CONTACT}', '{HOLDOUT}') OR typeof(share) NOT IN ('real', 'integer')
OR share NOT BETWEEN 0 AND 1
OR sent_on IS NOT date(sent_on, '0 days') OR delete_after IS NOT date(delete_after, '0 days')
OR typeof(horizon_days) <> 'integer' OR date(sent_on, horizon_days || ' days') IS NULL
"""
ODD_ASSIGNMENTS = f"""
{_NEVER_WRITTEN} OR typeof(customer_id) <> 'text' OR typeof(stratum) <> 'text' OR typeof(rank) <> 'integer'
OR typeof(score) NOT IN ('real', 'integer') OR typeof(ranked_by) <> 'text'
OR assigned_at IS NOT date(assigned_at, '0 days')
OR typeof(play) <> 'integer'
"""
ODD_FORGOTTEN = f"{_NEVER_WRITTEN} OR typeof(customers) <> 'integer' OR customers < 0"
COLUMNS = (
    "campaign", "customer_id", "arm", "share", "stratum", "rank", "score", "ranked_by", "assigned_at", "sent_on",
    "horizon_days", "delete_after", "play",
)  # fmt: skip
