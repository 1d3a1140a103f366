"""Monitor as a whole: one simulated shop and one model, an unchanged month, and changes planted into the raw tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

import clm_ml as clm
from clm_ml.artifacts import json_text, new_box, open_box
from clm_ml.cli import app
from clm_ml.config import Config
from clm_ml.errors import ArtifactError, ModelError, TimelineError
from clm_ml.model import BOX_KIND, Model, save_model
from clm_ml.pipeline import Monitored

LEARNED, AS_OF, CLOSES = "2025-09-01", "2025-10-01", "2025-12-30"
AS_OFS = ["2025-03-03", "2025-04-28", "2025-06-02"]
ATTRIBUTES = ["country", "age_band"]


@dataclass(frozen=True)
class Shop:
    """A shop whose tables lie in a folder, the model learned from them, and the scores of an unchanged month."""

    folder: Path
    config: Config
    model: Model

    @property
    def box(self) -> Path:
        return self.folder / "model"

    @property
    def scores(self) -> Path:
        return self.folder / "scores"

    def rows(self, table: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / f"{table}.parquet")

    def changed(self, folder: Path, without: str | None = None, **frames: pd.DataFrame) -> Config:
        """Write other rows of some tables elsewhere, and a config of them; the other tables stay where they are."""
        content = yaml.safe_load((self.folder / "fast.yaml").read_text(encoding="utf-8"))
        content["tables"].pop(without, None)
        for name, table in content["tables"].items():
            table["source"] = str(self.folder / f"{name}.parquet")
        for name, rows in frames.items():
            rows.to_parquet(folder / f"{name}.parquet")
            content["tables"][name]["source"] = f"{name}.parquet"
        (folder / "clm.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return clm.load_config(folder / "clm.yaml")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("watched")
    clm.simulate(1500, 3, folder)
    content = yaml.safe_load((folder / "shop.yaml").read_text(encoding="utf-8"))
    content |= {"threads": 1, "train": {"as_ofs": AS_OFS, "fairness": ATTRIBUTES}}
    (folder / "fast.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    config = clm.load_config(folder / "fast.yaml")
    model = clm.train(clm.read_tables(config), config, as_of=LEARNED)
    with new_box(folder / "model", BOX_KIND, {"as_of": LEARNED}) as hidden:
        save_model(model, hidden)
    clm.score(config, folder / "scores", as_of=AS_OF, model=str(folder / "model"), reasons=0)
    return Shop(folder, config, model)


@pytest.fixture
def watch(shop: Shop, tmp_path: Path) -> Callable[..., Monitored]:
    """Score a shop with other rows, and monitor."""

    def watched(as_of: str = AS_OF, **frames: pd.DataFrame) -> Monitored:
        config = shop.changed(tmp_path, **frames)
        clm.score(config, tmp_path / "scores", as_of=as_of, model=str(shop.box), reasons=0)
        return clm.monitor(config, tmp_path / "scores")

    return watched


def told(found: Monitored, level: str = "alarm") -> set[tuple[str, str]]:
    return {(finding.kind, finding.what) for finding in found.findings if finding.level == level}


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# An unchanged month ----------------------------------------------------------------------------------------


def test_an_unchanged_month_is_silent_and_tells_whether_its_scores_came_true(shop: Shop, tmp_path: Path) -> None:
    out, plot = tmp_path / "found.json", tmp_path / "drift.png"
    done = run("monitor", shop.folder / "fast.yaml", "--scores", shop.scores, "--out", out, "--plot", plot)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    facts = json.loads(out.read_text(encoding="utf-8"))
    assert (facts["as_of"], facts["reference_as_of"], facts["closes_on"]) == (AS_OF, LEARNED, CLOSES)
    assert facts["alarm"] is False
    assert {"kind", "what", "level", "value", "threshold", "words"} == set(facts["findings"][0])
    # What the shop itself sends may be told: a campaign began on the day of the scores.
    loud = {finding["what"] for finding in facts["findings"] if finding["level"] != "silent"}
    assert loud <= {"contacts_last_30d", "contacts_last_90d", "days_since_last_contact"}
    kinds = {finding["kind"] for finding in facts["findings"]}
    assert kinds >= {"rate", "late", "attribute", "feature", "segment", "score", "base_rate", "calibration"}
    assert "of the active customers ordered" in done.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    again = run("monitor", shop.folder / "fast.yaml", "--scores", shop.scores, "--out", out)
    assert again.exit_code == ArtifactError.exit_code


def test_before_the_label_window_has_closed_it_says_when_it_will_be_known(shop: Shop, tmp_path: Path) -> None:
    config = shop.config.model_copy(update={"complete_until": pd.Timestamp("2025-10-01").date()})
    orders = {
        name: table.model_copy(update={"max_rejected_share": 0.99}) for name, table in config.tables.named().items()
    }
    early = config.model_copy(update={"tables": config.tables.model_copy(update=orders)})
    found = clm.monitor(early, shop.scores)
    assert [finding.words for finding in found.findings if finding.kind == "outcome"] == [
        f"what came of these scores is known from {CLOSES} on, when their label window has closed."
    ]
    assert not told(found) & {("base_rate", "order rate")}


def test_nothing_is_told_of_a_customer(shop: Shop) -> None:
    told = (
        json_text(dict(shop.model.reference))
        + shop.model.card
        + json_text(clm.monitor(shop.config, shop.scores).facts())
    )
    ids = set(shop.rows("orders")["customer_id"])
    assert not [word for word in told.replace('"', " ").split() if word in ids]
    people = shop.rows("customers")
    assert not [address for address in people["email"].dropna() if address in told]


def test_no_bucket_of_the_reference_tells_of_few_people(shop: Shop) -> None:
    for spread in [*shop.model.reference["features"].values(), *shop.model.reference["scores"].values()]:
        counts = [count for day in spread["counts"].values() for count in day]
        assert not [count for count in counts if 0 < count < 20 and count != 10]
        bins = spread["counts"][LEARNED][1:]
        assert len(bins) == 1 or min(bins) >= 20


# What cannot be monitored ----------------------------------------------------------------------------------


def boxed(model: Model, folder: Path, learned: str = LEARNED) -> Path:
    with new_box(folder, BOX_KIND, {"as_of": learned}) as hidden:
        save_model(model, hidden)
    return folder


def rescored(shop: Shop, model: Path, folder: Path, as_of: str, at: str = "", **told: str) -> Path:
    """Draw a scores box that names a model; of its scores nothing is asked before that."""
    facts = dict(open_box(shop.scores, "scores").facts) | {"as_of": as_of} | told
    facts["model"] = {"at": at or str(model), "facts": dict(open_box(model, BOX_KIND).facts)}
    with new_box(folder, "scores", facts) as hidden:
        shutil.copy(shop.scores / "scores.parquet", hidden / "scores.parquet")
    return folder


def test_a_model_of_before_there_was_a_reference_is_refused_in_a_sentence(shop: Shop, tmp_path: Path) -> None:
    old = boxed(replace(shop.model, reference={}, card=""), tmp_path / "old")
    assert not (old / "reference.json").exists()
    assert clm.load_model(old).reference == {}
    scores = rescored(shop, old, tmp_path / "scores", AS_OF)
    with pytest.raises(ArtifactError, match=r"trained before models carried a reference.*train again"):
        clm.monitor(shop.config, scores)


def test_another_model_than_the_one_that_scored_is_refused(shop: Shop, tmp_path: Path) -> None:
    other = boxed(shop.model, tmp_path / "other", "2025-08-01")
    with pytest.raises(ModelError, match=r"the model that made these scores is not at .*other; name its box"):
        clm.monitor(shop.config, shop.scores, model=str(other))


def test_a_model_that_has_moved_is_named_and_one_that_is_no_champion_any_more_is_found_where_training_left_it(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = boxed(shop.model, tmp_path / "models" / f"{shop.config.project}-{LEARNED}")
    scores = rescored(shop, moved, tmp_path / "scores", AS_OF, scores_of="permitted", at=str(tmp_path / "gone"))
    found = clm.monitor(shop.config, scores, model=str(moved))
    assert not found.alarms
    assert [warning for warning in found.warnings if "permitted on a list" in warning]
    with pytest.raises(ModelError, match=r"is not at .*gone or models/simulated-shop-2025-09-01; name its box"):
        clm.monitor(shop.config, scores)
    monkeypatch.chdir(tmp_path)
    assert clm.monitor(shop.config, scores).facts() == found.facts()


def test_scores_of_before_the_model_was_learned_and_of_another_task_are_refused(shop: Shop, tmp_path: Path) -> None:
    scores = rescored(shop, shop.box, tmp_path / "scores", "2025-08-31")
    with pytest.raises(TimelineError, match="learned on 2025-09-01 and knows what came in between"):
        clm.monitor(shop.config, scores)
    other = shop.config.model_copy(update={"task": shop.config.task.model_copy(update={"horizon_days": 30})})
    with pytest.raises(ModelError, match="another task"):
        clm.monitor(other, shop.scores)


# Planted changes -------------------------------------------------------------------------------------------


def test_a_table_that_is_missing_is_an_alarm_on_the_command_line(shop: Shop, tmp_path: Path) -> None:
    shop.changed(tmp_path, without="events")
    done = run("monitor", tmp_path / "clm.yaml", "--scores", shop.scores, "--json")
    assert done.exit_code == 18
    facts = json.loads(done.stdout)
    assert facts["alarm"] is True
    assert [finding["what"] for finding in facts["findings"] if finding["kind"] == "table"] == ["events"]
    assert done.stderr.startswith("error: drift since training on 2025-09-01: table (events), feature (lost features);")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_table_that_is_no_longer_filled_is_missing(shop: Shop, watch: Callable[..., Monitored]) -> None:
    events = shop.rows("events")
    assert ("table", "events") in told(watch(events=events[events["occurred_at"] < LEARNED]))


@pytest.mark.slow
@pytest.mark.parametrize("since", ["2024-01-01", LEARNED])
def test_another_unit_of_amounts_is_named(shop: Shop, watch: Callable[..., Monitored], since: str) -> None:
    orders = shop.rows("orders")
    in_cents = orders["amount"].where(orders["ordered_at"] < since, orders["amount"] * 100)
    found = watch(orders=orders.assign(amount=in_cents))
    assert ("unit", "amount_last_30d") in told(found)
    assert all(
        kind in ("unit", "feature", "segment", "score", "calibration", "discrimination") for kind, _ in told(found)
    )


@pytest.mark.slow
def test_a_doubled_event_rate_is_named(shop: Shop, watch: Callable[..., Monitored]) -> None:
    events = shop.rows("events")
    visits = events[(events["occurred_at"] >= LEARNED) & (events["event_type"] == "visit")]
    twice = visits.assign(occurred_at=visits["occurred_at"] + pd.Timedelta(seconds=1))
    found = watch(events=pd.concat([events, twice], ignore_index=True))
    assert ("rate", "event visit") in told(found)
    assert "2." in next(finding.words for finding in found.alarms if finding.kind == "rate")


@pytest.mark.slow
def test_christmas_is_named_as_the_season_where_the_log_knows_the_last_one(watch: Callable[..., Monitored]) -> None:
    found = watch(as_of="2025-12-01")
    assert ("season", "orders") in told(found, "notice")
    assert told(found) == set()


@pytest.mark.slow
def test_christmas_is_no_season_where_the_log_does_not_reach_back(shop: Shop, watch: Callable[..., Monitored]) -> None:
    orders, events = shop.rows("orders"), shop.rows("events")
    found = watch(
        as_of="2025-12-01",
        orders=orders[orders["ordered_at"] >= "2025-01-01"],
        events=events[events["occurred_at"] >= "2025-01-01"],
    )
    assert ("rate", "orders") in told(found)
    assert not [finding for finding in found.findings if finding.kind == "season"]


@pytest.mark.slow
def test_a_new_country_is_named(shop: Shop, watch: Callable[..., Monitored]) -> None:
    orders, people = shop.rows("orders"), shop.rows("customers")
    lately = sorted(orders.loc[orders["ordered_at"] >= "2025-07-01", "customer_id"].unique())
    found = watch(
        customers=people.assign(country=people["country"].where(~people["customer_id"].isin(lately[::5]), "BR"))
    )
    assert told(found) == {("attribute", "country BR")}


@pytest.mark.slow
def test_late_data_are_named(shop: Shop, watch: Callable[..., Monitored]) -> None:
    orders, events = shop.rows("orders"), shop.rows("events")
    found = watch(
        orders=orders[(orders["ordered_at"] < "2025-09-26") | (orders["ordered_at"] >= AS_OF)],
        events=events[(events["occurred_at"] < "2025-09-26") | (events["occurred_at"] >= AS_OF)],
    )
    assert told(found) >= {("late", "orders: last row"), ("late", "events: last row")}


@pytest.mark.slow
def test_a_shifted_base_rate_is_named(shop: Shop, watch: Callable[..., Monitored]) -> None:
    orders = shop.rows("orders")
    is_kept = pd.util.hash_pandas_object(orders["order_id"], index=False) % 10 < 2
    found = watch(orders=orders[(orders["ordered_at"] < AS_OF) | is_kept])
    assert ("base_rate", "order rate") in told(found)
    assert told(found) <= {("base_rate", "order rate"), ("discrimination", "auc")}


# The card --------------------------------------------------------------------------------------------------


def test_the_card_lies_in_the_box_and_tells_of_every_attribute_that_was_asked_for(shop: Shop) -> None:
    card = (shop.box / "model_card.md").read_text(encoding="utf-8")
    assert card == shop.model.card == clm.load_model(shop.box).card
    assert [line for line in card.splitlines() if line.startswith("### ")] == ["### country", "### age_band"]
    judged = shop.model.facts["evaluation"]["customers"]
    for name in ATTRIBUTES:
        table, _, left = card.split(f"### {name}\n")[1].split(" customers are in smaller groups")[0].rpartition("\n")
        rows = [line.split("|") for line in table.splitlines() if line.startswith("|")][2:]
        customers = [int(row[2].replace(",", "")) for row in rows]
        assert min(customers) >= 50
        assert sum(customers) + int(left.replace(",", "")) == judged
