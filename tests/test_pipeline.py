"""The walk of training and scoring: who is judged, who becomes champion, and what a scores box holds."""

import gc
import hashlib
import json
import stat
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

import clm_ml as clm
from clm_ml.artifacts import open_box
from clm_ml.config import Task
from clm_ml.engine import embedded
from clm_ml.errors import ArtifactError, CampaignError, ConfigError, DataError, ModelError, TimelineError
from clm_ml.evaluation import judge_as_of
from clm_ml.examples import Examples, collect_examples, training_as_ofs
from clm_ml.keeping import Kept
from clm_ml.model import REASONS, learn, learning
from clm_ml.pipeline import judging, training
from clm_ml.pipeline import score as scored
from clm_ml.pipeline.foresight import foresight_figures, is_beaten
from clm_ml.pipeline.judging import Judged, alarms, gate, judge
from clm_ml.segments import SEGMENTS
from clm_ml.snapshot import prepare
from clm_ml.timeline import date_of
from clm_ml.tracking import Tracked
from tests.conftest import make_simulated

AS_OF = "2025-08-01"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make_simulated(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def tables(shop):
    return clm.read_tables(shop)


@pytest.fixture(scope="module")
def learned(shop, tables):
    """Learn when it is 2025-08-01: the model, and how one that had not seen it spoke of the last closed as_of."""
    return training._learn_and_judge(Kept(tables, shop), AS_OF, lambda *_: None)[:2]


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """Stand in for the store: keeps the champion's box, and notes what was logged."""
    kept = SimpleNamespace(champion=None, logged=[])

    def fetch(config, uri):
        assert uri == f"models:/{config.project}@champion"
        if kept.champion is None:
            raise ModelError("there is no model")
        return kept.champion

    def log(config, run, alias):
        kept.logged.append(run)
        kept.champion = run.box if alias == "champion" else kept.champion
        return Tracked("run", str(len(kept.logged)), alias)

    monkeypatch.setattr(judging, "fetch_box", fetch)
    monkeypatch.setattr(training, "log_run", log)
    monkeypatch.chdir(tmp_path)
    return kept


@pytest.fixture(scope="module")
def box(learned, tmp_path_factory):
    from clm_ml.artifacts import new_box
    from clm_ml.model import BOX_KIND, save_model

    folder = tmp_path_factory.mktemp("models") / "model"
    with new_box(folder, BOX_KIND, {"as_of": AS_OF}) as hidden:
        save_model(learned[0], hidden)
    return folder


# judging ---------------------------------------------------------------------------------------------------


def test_all_examples_are_given_back_before_the_last_trees_grow(shop, tables, monkeypatch):
    alive, fit = [], learning._fit_customers

    def fit_and_look(*given):
        alive.append(sum(isinstance(thing, Examples) for thing in gc.get_objects()))
        return fit(*given)

    gc.collect()
    others = sum(isinstance(thing, Examples) for thing in gc.get_objects())
    monkeypatch.setattr(learning, "_fit_customers", fit_and_look)
    training._learn_and_judge(Kept(tables, shop), AS_OF, lambda *_: None)
    judged, last = alive
    assert (judged > others, last) == (True, others)


def test_a_model_is_judged_on_the_last_closed_as_of_by_one_that_never_saw_it(learned):
    model, judged = learned
    facts = judged.facts
    assert model.facts["as_ofs"] == ["2025-01-11", "2025-03-08", "2025-05-03"]
    assert facts["as_of"] == "2025-05-03"  # its 90 days close on 2025-08-01
    assert facts["learned_until"] == "2025-01-11"  # the label window of 2025-03-08 reaches into the judged as_of
    assert facts["customers"] == len(judged.cohort) == len(judged.order_probability)
    assert set(facts["baselines"]) == {"constant_rate", "recency_rule", "logistic_rfm", "bg_nbd"}
    assert model.facts["evaluation"] == facts


def test_only_those_who_ordered_in_the_last_active_days_are_judged(shop, tables, learned):
    _, judged = learned
    assert judged.cohort["days_since_last_order"].max() <= 365
    assert judged.cohort["orders_ever"].min() >= 1
    few = shop.model_copy(update={"task": shop.task.model_copy(update={"active_days": 60})})
    _, judged_few, _ = training._learn_and_judge(Kept(tables, few), AS_OF, lambda *_: None)
    assert judged_few.cohort["days_since_last_order"].max() <= 60
    assert judged_few.facts["customers"] < judged.facts["customers"]


def test_what_has_one_outcome_cannot_be_judged(learned):
    model, judged = learned
    early = judged.cohort.assign(as_of=0)
    frame = pd.concat([early, judged.cohort.assign(as_of=20_000, ordered=1)], ignore_index=True)
    with pytest.raises(ModelError, match=r"nothing can be judged: all customers had one outcome after 2024-10-04\."):
        judge(model, Examples(early), Examples(frame).at([20_000]))


def test_what_is_too_good_to_be_true_is_an_alarm():
    told = [alarms(SimpleNamespace(facts={"model": {"auc": auc}})) for auc in (0.95, 0.951)]
    assert told == [(), ("AUC 0.951 is too good for an order log: look for a column that knows the future.",)]


def test_nothing_is_learned_from_days_that_have_not_arrived(tables, shop):
    with pytest.raises(TimelineError, match="as_of 2026-01-01 is too late: data are complete until 2025-12-31"):
        clm.train(tables, shop, as_of="2026-01-01")


def test_the_next_segment_is_judged_beside_the_matrix_and_the_next_order_beside_the_other_shape(learned):
    _, judged = learned
    segments, orders = judged.facts["next_segment"], judged.facts["next_order"]
    rows = judged.foreseen
    assert segments["customers"] == len(rows) == len(judged.cohort)
    for name in ("model", "markov"):
        assert segments[name]["log_loss"] == pytest.approx(-np.log(rows[f"came_probability_{name}"]).mean())
        assert segments[name]["top_1"] == (rows[f"next_segment_{name}"] == rows["next_segment"]).mean()
    assert segments["model"]["log_loss"] < segments["markov"]["log_loss"]
    at_risk = segments["becomes_at_risk_probability"]
    assert at_risk["happened"] == (rows["next_segment"] == "at_risk").mean()
    assert at_risk["predicted"] == pytest.approx(rows["becomes_at_risk_probability"].mean())
    assert 0 < orders["model"]["pinball"] < orders["other"]["pinball"] * 1.5
    assert (rows["watched_days"] == 90).all()


def test_a_closed_interval_holds_the_order_or_does_not():
    # (next order, earliest, median, latest): in it; before it; after it; latest not watched; nothing foreseen
    drawn = [(4, 2, 5, 8), (1, 2, 5, 8), (9, 2, 5, 8), (7, 2, 5, None), (None, None, None, None)]
    rows = pd.DataFrame(drawn, columns=["next_order_days", *(f"{name}_model" for name in (DAYS[1], DAYS[0], DAYS[2]))])
    others = {f"{name}_other": rows[f"{name}_model"] for name in DAYS}
    segments = {"next_segment": "loyal", "next_segment_model": "loyal", "next_segment_markov": "at_risk"}
    chances = {"came_probability_model": 0.5, "came_probability_markov": 0.25}
    becomes = {"becomes_at_risk_probability": 0.2, "becomes_cannot_lose_probability": 0.0}
    figures = foresight_figures(rows.assign(watched_days=10.0, **others, **segments, **chances, **becomes))
    told = figures["next_order"]["model"]
    assert told == figures["next_order"]["other"]
    assert (told["coverage"], told["coverage_customers"]) == (pytest.approx(1 / 3), 3)
    assert (told["before_earliest"], told["before_earliest_customers"]) == (0.25, 4)
    assert told["pinball_0.5"] == pytest.approx((1 + 4 + 4 + 2) / 2 / 5)
    assert figures["next_segment"]["model"] == {"log_loss": pytest.approx(np.log(2)), "top_1": 1.0}
    assert figures["next_segment"]["becomes_at_risk_probability"]["ece"] == pytest.approx(0.2)
    assert not is_beaten(figures)
    as_good = {"came_probability_model": 0.25, "came_probability_markov": 0.25}
    assert is_beaten(foresight_figures(rows.assign(watched_days=10.0, **others, **segments, **as_good, **becomes)))


def test_where_the_matrix_is_as_good_it_speaks(shop, tables, monkeypatch):
    monkeypatch.setattr(training, "is_beaten", lambda _: True)
    model, _, _ = training._learn_and_judge(Kept(tables, shop), AS_OF, lambda *_: None)
    assert model.next_segment.is_refused
    complete = model.complete(clm.describe(tables, AS_OF, shop.task))
    markov = model.next_segment.of_markov(complete, model.lifecycle)
    said = model.score(complete, reasons=False)
    assert np.array_equal(said["p_at_risk"], markov[:, SEGMENTS.index("at_risk")])


def test_the_judged_learner_is_told_when_its_knowledge_ends(shop, tables, monkeypatch):
    ends = []

    def note(examples, *rest):
        ends.append(date_of(examples.known_by).isoformat())
        return learn(examples, *rest)

    monkeypatch.setattr(training, "learn", note)
    training._learn_and_judge(Kept(tables, shop), AS_OF, lambda *_: None)
    assert ends == ["2025-05-03", AS_OF]  # where the judged window begins, and the day of learning


def test_learning_for_the_judged_as_of_knows_no_order_from_it_on(shop, tables):
    """What the judged model learns of waits ends where the judged window begins, though the examples know more."""
    prepared = prepare(tables)
    as_ofs = training_as_ofs(shop, tables.first_day, tables.complete_until)
    examples = collect_examples(prepared, shop, as_ofs, tables.complete_until)
    early, last = judge_as_of(examples.as_ofs, 90)
    past = examples.at(early, last)
    later = past.frame["next_order_days"] >= last - past.frame["as_of"]
    assert later.any()
    blind = replace(past, frame=past.frame.assign(next_order_days=past.frame["next_order_days"].where(~later)))
    learners = [learn(one, shop, tables.inputs) for one in (past, blind)]
    assert learners[0].next_order == learners[1].next_order
    assert learners[0].next_order.reach_days == last - early[0]


# the champion ----------------------------------------------------------------------------------------------


class Reigning:
    """A champion that was learned at a day and says what it is told to."""

    def __init__(self, task, as_of, said):
        self.task, self.facts, self.said = task, {"as_of": as_of}, said

    def complete(self, cohort):
        return cohort

    def order_probability(self, _):
        return self.said


def reigns(registry, monkeypatch, champion):
    registry.champion = "somewhere"
    monkeypatch.setattr(judging, "load_model", lambda _: champion)


def judged_of(came, said, as_of="2025-05-03"):
    """Judge a drawn cohort: what came, what the model said, and a constant beside it."""
    cohort = pd.DataFrame({"ordered": came})
    rows = len(came)
    return Judged(
        cohort, said, np.ones(rows), np.full(rows, "loyal"), {"constant_rate": np.full(rows, 0.5)}, {"as_of": as_of}
    )


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(1)
    good = rng.uniform(0.02, 0.98, 2000)
    return (rng.random(2000) < good).astype(int), good, 0.5 + (good - 0.5) * 0.5


def test_without_a_champion_the_baselines_decide(registry, shop, cohort):
    came, good, _ = cohort
    assert gate(judged_of(came, good), shop).passed
    verdict = gate(judged_of(came, 1 - good), shop)
    assert not verdict.passed
    assert "does not beat constant_rate" in verdict.why


def test_a_worse_model_is_not_promoted_over_a_champion_that_saw_nothing_of_what_came(
    registry, shop, cohort, monkeypatch
):
    came, good, blurred = cohort
    for learned_at in ("2025-05-03", "2025-01-01"):
        reigns(registry, monkeypatch, Reigning(shop.task, learned_at, good))
        verdict = gate(judged_of(came, blurred), shop)
        assert not verdict.passed
        assert "is worse than the reigning champion's" in verdict.why
    reigns(registry, monkeypatch, Reigning(shop.task, "2025-05-03", blurred))
    assert gate(judged_of(came, good), shop).passed


def test_a_champion_is_not_compared_that_saw_what_came_or_answers_another_question(registry, shop, cohort, monkeypatch):
    came, good, blurred = cohort
    other = shop.task.model_copy(update={"horizon_days": 30})
    for champion in (Reigning(shop.task, "2025-05-04", good), Reigning(other, "2025-01-01", good)):
        reigns(registry, monkeypatch, champion)
        assert gate(judged_of(came, blurred), shop).passed


def test_a_champion_that_lacks_a_feature_or_is_damaged_is_not_compared(registry, shop, cohort, box, monkeypatch):
    came, good, _ = cohort
    registry.champion = box
    assert gate(judged_of(came, good, as_of=AS_OF), shop).passed  # the drawn cohort has none of its features
    registry.champion = box.parent / "gone"
    assert gate(judged_of(came, good), shop).passed


def test_a_store_that_cannot_be_used_is_told_before_a_box_is_written(registry, shop, monkeypatch, tmp_path):
    def refuse(config, uri):
        raise ConfigError("tracking.uri cannot be used")

    monkeypatch.setattr(judging, "fetch_box", refuse)
    with pytest.raises(ConfigError):
        clm.train_box(shop, as_of=AS_OF, folder=tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_the_champion_is_asked_of_the_very_customers_who_are_judged(registry, shop, tables, learned, box):
    """Judged on what came after it was learned, the reigning model says what it says of anyone."""
    registry.champion = box
    _, judged, _ = training._learn_and_judge(Kept(tables, shop), "2025-11-15", lambda *_: None)
    assert judged.facts["as_of"] == "2025-08-17"
    said = judging._champion(shop, judged)
    features = clm.describe(tables, "2025-08-17", shop.task).to_pandas().set_index("customer_id", drop=False)
    expected = learned[0].score(features.loc[judged.cohort["customer_id"]], reasons=False)["order_probability"]
    assert said.tolist() == expected.tolist()


def test_train_writes_a_box_names_it_by_its_day_and_tells_the_gate(registry, shop, monkeypatch):
    seen = []
    trained = clm.train_box(shop, as_of=AS_OF, progress=lambda step, done, total: seen.append((step, done, total)))
    assert str(trained.box) == f"models/simulated-shop-{AS_OF}"
    facts = open_box(trained.box, "model").facts
    assert facts["gate"] == {"passed": trained.verdict.passed, "why": trained.verdict.why}
    assert facts["judged_on"] == "2025-05-03"
    assert facts["auc"] == trained.model.facts["evaluation"]["model"]["auc"]
    assert trained.tracked.alias == ("champion" if trained.verdict.passed else "challenger")
    assert clm.load_model(trained.box).facts == json.loads(json.dumps(trained.model.facts).replace("NaN", "null"))
    assert all(0 <= done <= total for _, done, total in seen)
    assert list(dict.fromkeys(step for step, *_ in seen)) == [
        "reading orders", "reading events", "reading customers", "reading contacts", "reading spend",
        "preparing", "examples", "learning", "judging", "tracking",
    ]  # fmt: skip
    with pytest.raises(ArtifactError, match="exists already"):
        clm.train_box(shop, as_of=AS_OF)


# scoring ---------------------------------------------------------------------------------------------------

DAYS = ("next_order_on", "next_order_earliest_on", "next_order_latest_on")
COLUMNS = [
    "customer_id", "as_of", "segment", "phase", "r_score", "f_score", "m_score", "days_since_last_order",
    "expected_gap_days", "overdue_ratio", "order_probability", "churn_probability", "expected_value",
    "expected_value_if_ordering", "expected_order_amount", "value_at_risk", "next_segment", "next_segment_probability",
    "p_engaged_visitor", "p_loyal_visitor", "p_first_time", "p_recent", "p_promising", "p_potential_loyalist",
    "p_loyal", "p_champion", "p_cannot_lose", "p_at_risk", "p_falling_asleep", "becomes_at_risk_probability",
    "becomes_cannot_lose_probability",
    *DAYS, "reason_1", "reason_2", "reason_3",
]  # fmt: skip


def score(shop, box, out, **asked):
    done = scored(shop, out, as_of=AS_OF, model=str(box), **asked)
    return done, pq.read_table(out / "scores.parquet")


def test_scores_are_one_file_a_row_a_person_in_the_order_of_ids(shop, tables, learned, box, tmp_path):
    done, table = score(shop, box, tmp_path / "scores", reasons="all")
    assert table.schema.names == COLUMNS
    kinds = dict(zip(table.schema.names, map(str, table.schema.types), strict=True))
    assert kinds == dict.fromkeys(COLUMNS, "double") | {
        "customer_id": "string", "as_of": "date32[day]", "segment": "string", "phase": "string", "r_score": "int8",
        "f_score": "int8", "m_score": "int8", "days_since_last_order": "int64", "next_segment": "string",
    } | dict.fromkeys(DAYS, "date32[day]") | dict.fromkeys(REASONS, "string")  # fmt: skip
    rows = table.to_pandas()
    assert rows["customer_id"].tolist() == sorted(set(rows["customer_id"]))
    assert done.customers == len(rows)
    expected = learned[0].score(clm.describe(tables, AS_OF, shop.task))
    days = expected[list(DAYS)].astype(object)
    expected[list(DAYS)] = days.where(days.notna(), None)
    assert_frame_equal(rows, expected[COLUMNS], check_exact=True, check_dtype=False)
    assert {day.isoformat() for day in rows["as_of"]} == {AS_OF}


def test_what_is_unknown_is_null_and_never_a_nan(shop, box, tmp_path):
    _, table = score(shop, box, tmp_path / "scores", reasons=0)
    visitors = sum(segment.endswith("_visitor") for segment in table["segment"].to_pylist())
    assert visitors > 0
    for name in ("churn_probability", "value_at_risk", "r_score", "days_since_last_order", "overdue_ratio"):
        assert table[name].null_count == visitors
    for name in COLUMNS:
        values = table[name].drop_null().to_pylist()
        assert not any(isinstance(value, float) and not np.isfinite(value) for value in values)


def test_only_the_owner_may_read_scores(shop, box, tmp_path):
    score(shop, box, tmp_path / "scores", reasons=0)
    assert stat.S_IMODE((tmp_path / "scores" / "scores.parquet").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "scores").stat().st_mode) == 0o700


def test_reasons_are_given_to_those_with_the_most_value_at_risk(shop, box, tmp_path):
    _, everyone = score(shop, box, tmp_path / "all", reasons="all")
    _, some = score(shop, box, tmp_path / "some", reasons=25)
    _, nobody = score(shop, box, tmp_path / "none", reasons=0)
    all_rows, rows = everyone.to_pandas(), some.to_pandas()
    told = rows["reason_1"].notna()
    assert told.sum() == 25
    assert rows.loc[told, "value_at_risk"].min() >= rows.loc[~told, "value_at_risk"].max()
    assert_frame_equal(rows[told], all_rows[told], check_exact=True)
    assert all_rows.loc[all_rows["value_at_risk"].notna(), "reason_1"].notna().all()
    assert nobody["reason_1"].null_count == len(rows)
    assert everyone.drop_columns(list(REASONS)).equals(nobody.drop_columns(list(REASONS)))


def test_ties_in_value_at_risk_go_to_the_smaller_customer_id_and_visitors_come_last(shop):
    from clm_ml.engine import open_engine
    from clm_ml.pipeline.scores import _most_at_risk

    engine = open_engine(shop)
    scores = engine.given(pd.DataFrame({"customer_id": list("dbcea"), "value_at_risk": [5.0, None, 5.0, 1.0, 1.0]}))
    for most, ids in ((1, "c"), (3, "acd"), (4, "acde"), (99, "abcde")):
        chosen = engine.collect(_most_at_risk(scores, most), "customer_id")
        assert chosen["customer_id"].to_pylist() == list(ids)


def test_the_same_rows_are_scored_to_the_same_bytes_in_batches_of_any_size(shop, box, tmp_path, monkeypatch):
    from clm_ml.engine import Engine

    score(shop, box, tmp_path / "whole", reasons=40)
    batches = Engine.batches

    def in_sevens(self, *asked):
        for batch in batches(self, *asked):
            for start in range(0, batch.num_rows, 7):
                yield batch.slice(start, 7)

    monkeypatch.setattr(Engine, "batches", in_sevens)
    score(shop, box, tmp_path / "sevens", reasons=40)
    whole, sevens = (pq.read_table(tmp_path / name / "scores.parquet") for name in ("whole", "sevens"))
    assert whole.equals(sevens.combine_chunks())


def test_customers_described_in_parts_for_want_of_memory_are_scored_to_the_same_bytes(shop, box, tmp_path, monkeypatch):
    score(shop, box, tmp_path / "whole", reasons="all")
    asked, divide = [], embedded.Engine.in_parts
    monkeypatch.setattr(embedded, "_BYTES_FOLDED", 50 * 10**6)
    monkeypatch.setattr(embedded.Engine, "in_parts", lambda *given: asked.append(divide(*given)) or asked[-1])
    spill = tmp_path / "spill"
    spill.mkdir()
    few = shop.model_copy(update={"memory_limit": "4GB", "temp_dir": spill})
    score(few, box, tmp_path / "parts", reasons="all")
    assert list(spill.iterdir()) == [], "what lay apart is gone"
    assert asked
    assert min(map(len, asked)) > 1
    whole, parts = (tmp_path / name / "scores.parquet" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


def test_a_scores_box_says_what_made_it_and_sums_by_segment(shop, box, tmp_path):
    done, table = score(shop, box, tmp_path / "scores", reasons=0)
    facts = open_box(tmp_path / "scores", "scores").facts
    assert facts["as_of"] == done.as_of == AS_OF
    assert facts["customers"] == table.num_rows
    assert facts["model"] == {"at": str(box), "facts": {"as_of": AS_OF}}
    rows = table.to_pandas()
    assert done.segments["customers"].sum() == len(rows)
    found = done.segments.set_index("segment")
    assert found["value_at_risk"].is_monotonic_decreasing
    expected = rows.groupby("segment")["expected_value"].sum()
    assert found["expected_value"].to_dict() == pytest.approx(expected.to_dict())


def test_a_model_of_another_task_or_other_events_is_refused(shop, box, tmp_path):
    other = shop.model_copy(update={"task": Task(horizon_days=30)})
    with pytest.raises(ModelError) as refused:
        scored(other, tmp_path / "a", as_of=AS_OF, model=str(box))
    assert "learned with another task (horizon_days differs)" in str(refused.value)
    silent = shop.model_copy(update={"tables": shop.tables.model_copy(update={"events": None})})
    with pytest.raises(
        ModelError, match="the model was learned with other events, contacts or attributes than the config maps"
    ):
        scored(silent, tmp_path / "b", as_of=AS_OF, model=str(box))
    assert list(tmp_path.iterdir()) == []


def test_no_box_is_written_over_or_scored_from_nowhere(shop, box, tmp_path):
    score(shop, box, tmp_path / "scores", reasons=0)
    with pytest.raises(ArtifactError, match="exists already"):
        score(shop, box, tmp_path / "scores")
    score(shop, box, tmp_path / "scores", reasons=0, force=True)
    with pytest.raises(ArtifactError, match="there is no model box at"):
        score(shop, tmp_path / "nowhere", tmp_path / "more")


def test_features_have_the_same_types_whoever_is_described(shop, tables):
    """A column that may be null is float64 even where nobody lacks it, so that a served model knows it."""
    late, early = (clm.describe(tables, day, shop.task).to_pandas() for day in ("2025-12-31", "2024-02-01"))
    assert late.dtypes.to_dict() == early.dtypes.to_dict()
    assert late["days_since_last_event"].dtype == "float64"
    assert late["orders_ever"].dtype == "int64"
    shown = clm.describe(tables, AS_OF, shop.task)
    assert shown.to_polars().shape == shown.to_pandas().shape
    assert "customers as of 2025-08-01" in shown._repr_html_()


def test_where_the_config_says_so_nobody_is_scored_whom_no_list_may_hold(shop, box, tmp_path, monkeypatch):
    people = pd.read_parquet(shop.home / "customers.parquet").sort_values("customer_id")
    hashes = [hashlib.sha256(email.strip().lower().encode()).hexdigest() for email in people["email"].dropna()[:40]]
    (tmp_path / "never.txt").write_text("\n".join(hashes))
    asked, ask = set(), clm.Model.score

    def noted(self, features, **options):
        asked.update(features["customer_id"])
        return ask(self, features, **options)

    _, everyone = score(shop, box, tmp_path / "everyone", reasons=0)
    monkeypatch.setattr(clm.Model, "score", noted)
    plan = shop.list.model_copy(update={"scores_of": "permitted", "suppress": tmp_path / "never.txt"})
    done, some = score(shop.model_copy(update={"list": plan}), box, tmp_path / "permitted", reasons=0)
    known = everyone.to_pandas().merge(people[["customer_id", "email", "may_contact", "may_profile"]], how="left")
    is_suppressed = known["email"].isin(people["email"].dropna()[:40])
    has_none = ~is_suppressed & known["may_contact"].ne(True)
    objects = ~is_suppressed & ~has_none & known["may_profile"].eq(False)
    rest = ~(is_suppressed | has_none | objects)
    assert asked == {"", *known.loc[rest, "customer_id"]}, (
        "and whom nobody is, with whom the model is tried when it is read"
    )
    assert some.equals(everyone.filter(rest.to_numpy()))
    counts = {"suppressed": is_suppressed, "no consent": has_none, "objects to profiling": objects}
    assert done.not_scored == {reason: int(who.sum()) for reason, who in counts.items()}
    assert min(done.not_scored.values()) > 0
    facts = open_box(tmp_path / "permitted", "scores").facts
    assert (facts["scores_of"], facts["not_scored"]) == ("permitted", done.not_scored)
    assert facts["customers"] == done.customers == int(rest.sum())
    monkeypatch.undo()
    one = known.loc[has_none, "customer_id"].iloc[0]
    with pytest.raises(DataError, match="are of those whom a list may hold, and this customer_id is not among them"):
        clm.customer(shop, one, scores=tmp_path / "permitted")
    (tmp_path / "never.txt").write_text("\n".join(known["customer_id"]))
    with pytest.raises(CampaignError, match=r"nobody is left to score \(suppressed [0-9]+\); see list.scores_of"):
        score(shop.model_copy(update={"list": plan}), box, tmp_path / "nobody", reasons=0)
    assert not (tmp_path / "nobody").exists()
    with pytest.raises(CampaignError, match=r"has scores of everyone, and list\.scores_of takes only those"):
        clm.export(shop.model_copy(update={"list": plan}), tmp_path / "everyone", "autumn", tmp_path / "list")
