"""Campaigns of a shop measured: arms from ledger or contacts, outcomes on each customer's own clock, and the verb."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from clm_ml.campaign import open_ledger
from clm_ml.cli import app
from clm_ml.config import load_config
from clm_ml.datasets import online_retail_config, online_retail_path
from clm_ml.errors import CampaignError, TimelineError
from clm_ml.measuring import Arm
from clm_ml.pipeline import measure_campaigns
from clm_ml.pipeline.assigned import find_assigned
from clm_ml.pipeline.outcomes import collect_outcomes
from clm_ml.tables import read_tables

#: Customers of the campaign "autumn", sent on 2024-03-01 with a horizon of 30 days, and what they did.
ORDERS = [
    ("c1", "2024-02-29", 70.0, "a1"),  # the day before: known, and spent before
    ("c1", "2024-03-01", 10.0, "a2"),  # the day it was sent counts
    ("c1", "2024-03-30", 20.0, "a3"),  # the last day counts
    ("c1", "2024-03-31", 40.0, "a4"),  # the horizon has closed
    ("c2", "2024-03-10", 50.0, "b1"),
    ("c2", "2024-03-12", -50.0, "b2"),  # all given back: a buyer who spent nothing
    ("c3", "2024-03-31", 99.0, "c1"),
    ("h1", "2024-03-05", 30.0, "d1"),
    ("h1", "2022-03-05", 999.0, "d2"),  # longer ago than the pre-period
    ("h2", "2024-02-01", 5.0, "e1"),
    ("x1", "2024-03-05", 500.0, "f1"),  # not of the campaign
    ("x1", "2024-01-01", 1.0, "f2"),
]
ARMS = {"c1": "contact", "c2": "contact", "c3": "contact", "c4": "contact", "h1": "holdout", "h2": "holdout"}


def write_shop(folder: Path, contacts: list[tuple] | None = None, columns: tuple[str, ...] = (), **changes: object):
    """Write a config, its orders and, if there are some, its contacts."""
    frame = pd.DataFrame(ORDERS, columns=["customer_id", "ordered_at", "amount", "order_id"])
    frame.to_csv(folder / "orders.csv", index=False)
    content = {
        "project": "drawn",
        "complete_until": "2024-12-31",
        "currency": "EUR",
        "tables": {"orders": {"source": "orders.csv", "columns": {name: name for name in frame}}},
        "task": {"horizon_days": 30},
        "list": {"margin": 0.5, "contact_cost": 2.0},
    }
    if contacts is not None:
        names = ["customer_id", "campaign", "contacted_at", "arm", *columns]
        pd.DataFrame(contacts, columns=names).to_csv(folder / "contacts.csv", index=False)
        mapped = {"source": "contacts.csv", "columns": {name: name for name in names}, "max_rejected_share": 0.9}
        content["tables"] |= {"contacts": mapped}
    (folder / "clm.yaml").write_text(yaml.safe_dump(content | changes, sort_keys=False))
    return folder / "clm.yaml"


def assign(
    path: Path, arms: dict[str, str], campaign: str = "autumn", sent_on: str = "2024-03-01", share=1 / 3, play=1
) -> None:
    rows = pd.DataFrame({"customer_id": list(arms), "arm": list(arms.values())}).assign(
        campaign=campaign, share=share, stratum=[f"s{number % 2}" for number in range(len(arms))], score=1.0,
        rank=range(1, len(arms) + 1), ranked_by="risk", assigned_at=sent_on, sent_on=sent_on, horizon_days=30,
        delete_after="2025-03-01", play=play,
    )  # fmt: skip
    with open_ledger(path.parent / "ledger.db") as ledger:
        ledger.record(rows)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = write_shop(tmp_path)
    assign(path, ARMS)
    return path


def run(*arguments: object):
    return CliRunner().invoke(app, ["measure", *map(str, arguments)])


# the programme -----------------------------------------------------------------------------------------------


def test_the_programme_is_measured_by_the_universal_holdout_and_costs_what_campaigns_sent(shop):
    everyone = {"c1": "contact", "c2": "contact", "c3": "contact", "h1": "contact", "h2": "holdout", "c4": "holdout"}
    assign(shop, everyone, campaign="universal", sent_on="2024-02-20")  # its horizon ends on 2024-03-21
    assign(shop, {"c1": "contact", "c2": "holdout"}, campaign="may", sent_on="2024-05-01")  # after it
    done = measure_campaigns(load_config(shop), ["universal", "autumn", "may"])
    programme = done.campaigns[0]
    assert programme.total.terms.cost == pytest.approx(3 * 2.0)  # c1, c2 and c3 by autumn; h1 by none, may too late
    assert "the whole programme: all campaigns together, 0.75 contacts a customer" in programme.warnings[0]
    assert programme.arms["contact"].buyers == 3  # c1, c2 and h1
    assert done.together.campaign == "2 campaigns together"  # the programme has them in it already
    told = run(shop, "universal")
    assert told.exit_code == 0
    assert "the whole programme" in told.stderr


def test_plays_that_were_compared_are_arms_of_their_own_against_the_one_holdout(shop):
    arms = {"c1": "contact", "c2": "contact", "c3": "contact", "x1": "contact", "h1": "holdout", "h2": "holdout"}
    assign(shop, arms, campaign="two plays", play=[1, 2, 2, 1, 1, 1])
    done = measure_campaigns(load_config(shop), ["two plays"]).campaigns[0]
    assert {name: (arm.customers, arm.buyers) for name, arm in done.arms.items()} == {
        "play 1": (2, 2),
        "play 2": (2, 1),
        "holdout": (2, 1),
    }
    assert [(each.effect.name, each.effect.terms.cost, each.effect.holdout.customers) for each in done.plays] == [
        ("play 1", 4.0, 2),
        ("play 2", 4.0, 2),
    ]


# outcomes -----------------------------------------------------------------------------------------------------


def test_everyone_counts_in_the_arm_they_were_assigned_to_within_their_horizon(shop):
    told = measure_campaigns(load_config(shop), ["autumn"]).campaigns[0]
    assert told.arms == {
        "contact": Arm(4, 2, 1, 30.0, 900.0),
        "holdout": Arm(2, 1, 1, 30.0, 900.0),
    }
    assert told.total.buyers.value == pytest.approx(4 * (2 / 4 - 1 / 2))
    assert told.total.terms.cost == 8.0
    assert told.ratio.meant_share == pytest.approx(1 / 3)
    assert [segment.name for segment in told.segments] == ["s0", "s1"]


def test_of_each_customer_the_horizon_and_the_year_before_it_are_collected(shop):
    config = load_config(shop)
    tables = read_tables(config)
    (assigned,) = find_assigned(["autumn"], tables, config, in_contacts=False)
    told = collect_outcomes(assigned.customers, tables, config, tables.complete_until).set_index("customer_id")
    sent = (date(2024, 3, 1) - date(1970, 1, 1)).days
    by_hand = {
        "c1": (1, 30.0, 70.0, sent),
        "c2": (1, 0.0, 0.0, sent + 9),
        "c3": (0, 0.0, 0.0, sent + 30),  # beyond the horizon, but the first
        "c4": (0, 0.0, 0.0, None),
        "h1": (1, 30.0, 0.0, sent + 4),  # 999 lies two years back
        "h2": (0, 0.0, 5.0, None),
    }
    columns = ["ordered", "spent", "spent_before", "first_order_day"]
    assert list(told.index) == list(by_hand)
    expected = pd.DataFrame.from_dict(by_hand, orient="index", columns=columns)
    pd.testing.assert_frame_equal(told[columns], expected, check_dtype=False, check_names=False)


@pytest.mark.parametrize(
    ("as_of", "word"), [("2024-03-30", "collecting"), ("2024-03-31", "inconclusive"), ("2024-12-31", "inconclusive")]
)
def test_the_horizon_closes_with_its_last_day(shop, as_of, word):
    told = measure_campaigns(load_config(shop), ["autumn"], as_of=as_of).campaigns[0]
    assert told.verdict.word == word


def test_nothing_is_known_that_came_later(shop):
    early = measure_campaigns(load_config(shop), ["autumn"], as_of="2024-03-10").campaigns[0]
    assert (early.interim.buyers, early.interim.contacted_buyers) == (2, 1)  # c1 and h1; c2 orders on that very day
    assert "outcomes are collected until 2024-03-31" in early.verdict.sentence
    later = measure_campaigns(load_config(shop), ["autumn"], as_of="2024-03-11").campaigns[0]
    assert later.interim.buyers == 3


def test_rows_that_arrived_later_are_not_known_either(tmp_path):
    path = write_shop(tmp_path)
    frame = pd.DataFrame(ORDERS, columns=["customer_id", "ordered_at", "amount", "order_id"])
    loaded = frame["ordered_at"].where(frame["order_id"] != "d1", "2024-05-01")
    frame.assign(loaded_at=loaded).to_csv(tmp_path / "orders.csv", index=False)
    content = yaml.safe_load(path.read_text())
    content["tables"]["orders"]["columns"]["loaded_at"] = "loaded_at"
    path.write_text(yaml.safe_dump(content))
    assign(path, ARMS)
    config = load_config(path)
    assert measure_campaigns(config, ["autumn"], as_of="2024-05-01").campaigns[0].arms["holdout"].buyers == 0
    assert measure_campaigns(config, ["autumn"], as_of="2024-05-02").campaigns[0].arms["holdout"].buyers == 1


def test_who_was_contacted_too_late_does_not_count_yet(shop):
    assign(shop, {"c5": "contact", "h5": "holdout"}, sent_on="2024-04-10")
    told = measure_campaigns(load_config(shop), ["autumn"], as_of="2024-04-20").campaigns[0]
    assert sum(arm.customers for arm in told.arms.values()) == 6
    assert told.warnings[0] == "contacted so late that they do not count yet: 2 customers."
    for as_of, customers in (("2024-05-09", 6), ("2024-05-10", 8)):  # the last horizon closes on 2024-05-10
        told = measure_campaigns(load_config(shop), ["autumn"], as_of=as_of).campaigns[0]
        assert sum(arm.customers for arm in told.arms.values()) == customers


def test_a_campaign_that_is_not_sent_yet_and_a_day_that_is_not_known(shop):
    with pytest.raises(TimelineError, match="'autumn' was sent on 2024-03-01, and nothing can have come of it before"):
        measure_campaigns(load_config(shop), ["autumn"], as_of="2024-03-01")
    with pytest.raises(TimelineError, match="too late: data are complete until 2024-12-31"):
        measure_campaigns(load_config(shop), ["autumn"], as_of="2025-01-01")


# contacts -----------------------------------------------------------------------------------------------------

CONTACTS = [
    (who, "spring", "2024-03-01 09:00", {"contact": "Treatment"}.get(arm, "control")) for who, arm in ARMS.items()
]


def test_a_table_of_contacts_with_arms_is_enough(shop, tmp_path):
    path = write_shop(tmp_path, CONTACTS)
    told = measure_campaigns(load_config(path), ["spring"]).campaigns[0]
    ledger = measure_campaigns(load_config(shop), ["autumn"]).campaigns[0]
    assert told.arms == {"treatment": ledger.arms["contact"], "holdout": ledger.arms["holdout"]}
    assert told.ratio is None
    assert told.total.terms.cost == 8.0
    assert measure_campaigns(load_config(path), ["spring"], holdout_share=0.5).campaigns[0].ratio.meant_share == 0.5


def test_a_file_of_contacts_stands_instead_of_the_ledger_and_the_configs_table(shop, tmp_path):
    rows = [(who, "autumn", at, {"holdout": "contact", "contact": "holdout"}[ARMS[who]]) for who, _, at, _ in CONTACTS]
    names = ["customer_id", "campaign", "contacted_at", "arm"]
    pd.DataFrame(rows, columns=names).assign(cost=0.25).to_parquet(tmp_path / "given.parquet")
    told = measure_campaigns(load_config(shop), ["autumn"], contacts=tmp_path / "given.parquet").campaigns[0]
    assert {name: arm.customers for name, arm in told.arms.items()} == {"contact": 2, "holdout": 4}
    assert told.total.terms.cost == pytest.approx(0.5)


def test_costs_are_those_of_the_contacts_all_of_a_customers_together(tmp_path):
    rows = [(*row, 1.5 if row[3] == "Treatment" else 0.0) for row in CONTACTS]
    rows.append(("c1", "spring", "2024-03-08", "treatment", 1.0))  # again: one customer, the first day, both costs
    told = measure_campaigns(load_config(write_shop(tmp_path, rows, ("cost",))), ["spring"]).campaigns[0]
    assert told.arms["treatment"].customers == 4
    assert told.total.terms.cost == pytest.approx(7.0)


def test_who_has_no_arm_does_not_count_and_is_counted(tmp_path):
    path = write_shop(tmp_path, [*CONTACTS, ("x1", "spring", "2024-03-01", None)])
    told = measure_campaigns(load_config(path), ["spring"]).campaigns[0]
    assert told.warnings[0] == "without an arm, so that they do not count: 1 customers."
    assert sum(arm.customers for arm in told.arms.values()) == 6


def test_somebody_in_two_arms_is_refused(tmp_path):
    path = write_shop(tmp_path, [*CONTACTS, ("c1", "spring", "2024-03-02", "control")])
    with pytest.raises(CampaignError, match="'spring' has 1 customers in two arms"):
        measure_campaigns(load_config(path), ["spring"])


def test_contacts_without_arms_cannot_be_measured(tmp_path):
    path = write_shop(tmp_path, CONTACTS)
    content = yaml.safe_load(path.read_text())
    del content["tables"]["contacts"]["columns"]["arm"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(CampaignError, match="the table of contacts maps no arm"):
        measure_campaigns(load_config(path), ["spring"])


# the oracle ---------------------------------------------------------------------------------------------------


def test_plain_sql_on_the_real_shop_finds_the_same(tmp_path):
    """Arms by a hash, and every figure asked again in SQL, from the raw lines."""
    source = str(online_retail_path())
    sql = f"""
        WITH sent AS (
            SELECT DISTINCT CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS who FROM '{source}'
            WHERE CustomerID IS NOT NULL AND UnitPrice > 0 AND InvoiceDate < '2011-09-01'
        ), arms AS (SELECT who, CASE WHEN hash(who) % 5 = 0 THEN 'control' ELSE 'contact' END AS arm FROM sent),
        lines AS (
            SELECT DISTINCT * FROM '{source}' WHERE CustomerID IS NOT NULL AND UnitPrice > 0 AND Quantity <> 0
        ), firsts AS (
            SELECT InvoiceNo, CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS who, CAST(min(InvoiceDate) AS DATE) AS day,
            FROM lines WHERE Quantity > 0 GROUP BY ALL
        ), money AS (
            SELECT CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS who,
                   sum(round(Quantity * UnitPrice, 2)) AS spent FROM lines
            WHERE InvoiceDate >= '2011-09-01' AND InvoiceDate < '2011-10-01' GROUP BY 1
        )
        SELECT arm, count(*) AS customers,
               count(*) FILTER (who IN (SELECT who FROM firsts WHERE day >= '2011-09-01' AND day < '2011-10-01')),
               round(sum(coalesce(spent, 0)), 2)
        FROM arms LEFT JOIN money USING (who) GROUP BY arm ORDER BY arm
    """
    by_sql = duckdb.sql(sql).fetchall()
    arms = duckdb.sql(sql[: sql.index("lines AS (")].rstrip().rstrip(",") + " SELECT who, arm FROM arms").df()
    arms = arms.rename(columns={"who": "customer_id"}).assign(campaign="c", contacted_at="2011-09-01")
    arms.to_parquet(tmp_path / "contacts.parquet")
    config = load_config(online_retail_config())
    config = config.model_copy(update={"task": config.task.model_copy(update={"horizon_days": 30}), "threads": 1})
    told = measure_campaigns(config, ["c"], contacts=tmp_path / "contacts.parquet").campaigns[0]
    found = [(name, arm.customers, arm.buyers, arm.spent) for name, arm in told.arms.items()]
    assert found == [
        (name.replace("control", "holdout"), customers, buyers, pytest.approx(float(spent), abs=0.01))
        for name, customers, buyers, spent in by_sql
    ]


# the verb -----------------------------------------------------------------------------------------------------


def test_the_verb_tells_a_verdict_and_its_figures(shop):
    done = run(shop, "autumn")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "autumn: inconclusive. Fewer than five bought, or spent nothing all in all: nothing is said of revenue."
    )
    assert lines[1].split() == ["contacted", "more", "buyers,", "points", "more", "revenue", "profit"]
    assert [line.split()[0] for line in lines[2:5]] == ["all", "s0", "s1"]
    assert lines[5].startswith("50.00% of 4 bought, 50.00% of the 2 held out: +0.00 [")
    assert "warning: autumn: of those held out 1 bought, and a larger holdout would tell much more.\n" in done.stderr


def test_machines_are_told_as_json(shop, tmp_path):
    done = run(shop, "autumn", "--json", "--out", tmp_path / "box", "--plot", tmp_path / "autumn.png")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    (campaign,) = told["campaigns"]
    assert (told["as_of"], campaign["verdict"], campaign["total"]["buyers"]["value"]) == (
        "2024-12-31",
        "inconclusive",
        0,
    )
    assert (told["box"], told["plot"]) == (str(tmp_path / "box"), str(tmp_path / "autumn.png"))
    kept = json.loads((tmp_path / "box/measurement.json").read_text())
    assert kept["campaigns"] == told["campaigns"]
    assert pd.read_csv(tmp_path / "box/effects.csv")["name"].tolist() == ["autumn", "s0", "s1"]
    assert (tmp_path / "autumn.png").read_bytes().startswith(b"\x89PNG")
    manifest = (tmp_path / "box/manifest.json").read_text()
    assert json.loads(manifest)["facts"] == {"as_of": "2024-12-31", "campaigns": {"autumn": "inconclusive"}}
    assert not [name for name in ARMS if f'"{name}"' in done.stdout + manifest]


def test_several_campaigns_are_told_each_and_together(shop):
    assign(shop, {"x1": "contact", "x2": "contact", "x3": "holdout"}, "winter", "2024-02-15")
    done = run(shop, "autumn", "winter", "--json")
    told = json.loads(done.stdout)
    assert [campaign["campaign"] for campaign in told["campaigns"]] == ["autumn", "winter"]
    assert told["together"]["campaign"] == "2 campaigns together"
    assert told["together"]["total"]["contacted"]["customers"] == 6
    assert "2 campaigns together: " in run(shop, "autumn", "winter").stdout


def test_arms_that_are_not_what_was_meant_end_with_the_campaigns_exit_code(tmp_path):
    path = write_shop(tmp_path)
    assign(path, {f"p{number}": "holdout" if number % 2 else "contact" for number in range(400)}, share=0.1)
    done = run(path, "autumn", "--json", "--plot", tmp_path / "autumn.png")
    assert done.exit_code == 16
    assert json.loads(done.stdout)["campaigns"][0]["verdict"] == "refused"
    assert done.stderr.splitlines() == [
        "error: autumn: the arms are not what was meant, and no difference is told; find out how customers got there."
    ]
    assert not (tmp_path / "autumn.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ("autum",),
            16,
            "campaign 'autum' is neither in the ledger nor in a table of contacts; did you mean 'autumn'?",
        ),
        (("zzz",), 16, "campaign 'zzz' is neither in the ledger nor in a table of contacts; there are autumn."),
        (
            ("autumn", "--as-of", "2024-03-01"),
            13,
            "campaign 'autumn' was sent on 2024-03-01, and nothing can have come",
        ),
        (("autumn", "--as-of", "1.3.2024"), 13, "a day is written YYYY-MM-DD"),
        (("autumn", "--plot", "x.pdf"), 2, "--plot writes a PNG; name a file that ends in .png, not x.pdf."),
        (("autumn", "--contacts", "nowhere.csv"), 12, "tables.contacts"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(shop, arguments, code, sentence):
    done = run(shop, *arguments)
    assert done.exit_code == code
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert line.endswith((".", "?"))


def test_what_is_there_is_not_replaced_without_force(shop, tmp_path):
    taken = tmp_path / "autumn.png"
    taken.write_bytes(b"mine")
    assert run(shop, "autumn", "--plot", taken).exit_code == 15
    assert taken.read_bytes() == b"mine"
    assert run(shop, "autumn", "--plot", taken, "--force").exit_code == 0
    assert run(shop, "autumn", "--out", tmp_path / "box").exit_code == 0
    assert run(shop, "autumn", "--out", tmp_path / "box").exit_code == 15
    assert run(shop, "autumn", "--out", tmp_path / "box", "--force").exit_code == 0


def test_looking_makes_no_ledger(tmp_path):
    path = write_shop(tmp_path, CONTACTS)
    assert run(path, "spring").exit_code == 0
    assert not (tmp_path / "ledger.db").exists()


def test_two_runs_write_the_same_bytes(shop, tmp_path):
    digests = []
    for name in ("one", "two"):
        run(shop, "autumn", "--out", tmp_path / name, "--plot", tmp_path / f"{name}.png")
        files = (tmp_path / name / "measurement.json", tmp_path / name / "effects.csv", tmp_path / f"{name}.png")
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[0] == digests[1]
