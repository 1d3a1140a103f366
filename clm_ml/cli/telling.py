"""What each verb tells a person, and a machine."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

import pandas as pd

from clm_ml.cli.answering import Answer
from clm_ml.cli.destinations import tell_outcomes
from clm_ml.config import Config
from clm_ml.pipeline import Backtested, Checked, Exported, Listed, Scored, Trained

__all__ = ["table_text", "tell_backtested", "tell_checked", "tell_exported", "tell_scored", "tell_trained"]


def tell_checked(answer: Answer, checked: Checked, config: Config) -> None:
    """Tell what is there, what was rejected and why, and what each lapse threshold would have said."""
    answer.tell(
        {
            "first_day": checked.first_day,
            "complete_until": checked.complete_until,
            "customers": checked.customers,
            "tables": {name: counts.facts() for name, counts in checked.counts.items()},
            "missing": dict(checked.missing),
            "lapse": checked.lapse.to_dict("records"),
            "suggested_horizon_days": checked.horizon_days,
            "quarantine": [str(path) for path in checked.quarantine],
            "warnings": list(checked.warnings),
        }
    )
    _warn(answer, checked.warnings)
    _say_tables(answer, checked)
    _say_horizon(answer, checked, config)


def _say_tables(answer: Answer, checked: Checked) -> None:
    until = f"complete until {checked.complete_until}"
    answer.say(f"{checked.customers:,} customers have ordered since {checked.first_day}, {until}.")
    for name, counts in checked.counts.items():
        reasons = "".join(f"\n    {count:>9,}  {reason}" for reason, count in counts.rejected.items())
        rejected = f"{counts.read - counts.used:,} rejected{reasons}"
        answer.say(f"{name}: {counts.read:,} rows read, {counts.used:,} used, {rejected}")
    for name, without in checked.missing.items():
        answer.say(f"no {name}: without {without}")
    for path in checked.quarantine:
        answer.say(f"rejected rows are in {path}")


def _say_horizon(answer: Answer, checked: Checked, config: Config) -> None:
    asked_days = config.task.horizon_days
    if len(checked.lapse):
        shares = {"lapsed_customers": "{:,}", "lapsed_share": "{:.0%}", "later_orders_share": "{:.0%}"}
        answer.say(f"\nIf silence had counted as lapsed {asked_days} days before the end:")
        answer.say(table_text(checked.lapse, shares))
        asked = f"the config asks {config.lapse.after_gaps:g} (lapse.after_gaps)"
        answer.say(f"A good threshold calls many lapsed, and few of the later orders theirs; {asked}.")
    gap = checked.long_gap_days
    why = "nobody ordered twice" if isnan(gap) else f"85 % of the gaps between orders end within {gap:.0f} days"
    answer.say(f"\nA sensible horizon: {checked.horizon_days} days ({why}); the config asks {asked_days}.")


def tell_trained(answer: Answer, trained: Trained) -> None:
    """Tell how the model did beside its baselines, and where it is."""
    facts = trained.model.facts
    evaluation = facts["evaluation"]
    answer.tell(
        {
            "model": str(trained.box),
            "alias": trained.tracked.alias,
            "version": trained.tracked.version,
            "run_id": trained.tracked.run_id,
            "gate": facts["gate"],
            "evaluation": evaluation,
            "warnings": list(trained.warnings),
        }
    )
    _warn(answer, trained.warnings)
    answer.say(
        f"learned from {facts['examples']:,} examples at {len(facts['as_ofs'])} as_ofs, known by {facts['as_of']}"
    )
    if "model" in evaluation:
        _say_judged(answer, evaluation)
    if tuned := facts.get("tuned"):
        losses = f"log loss {tuned['log_loss']:.4f} after {tuned['usual_log_loss']:.4f} as trees grow usually"
        answer.say(f"tuned in {tuned['trials']} trials on earlier as_ofs: {losses}")
    answer.say(f"model box: {trained.box}; registered as version {trained.tracked.version}, {trained.tracked.alias}")


def _say_judged(answer: Answer, evaluation: Mapping[str, Any]) -> None:
    answer.say(
        f"judged on {evaluation['customers']:,} customers of {evaluation['as_of']}, by a model learned before it:"
    )
    answer.say(_methods({"model": evaluation["model"], **evaluation["baselines"]}))
    value = evaluation["value"]
    total = f"predicted / spent {value['total_to_spent']:.2f}"
    answer.say(f"value: Gini {value['gini']:.3f}, Spearman {value['spearman']:.3f}, {total}")
    _say_foresight(answer, evaluation)


def _say_foresight(answer: Answer, figures: Mapping[str, Any]) -> None:
    """Tell how well the next segment and the next order were told, beside what could have told them instead."""
    segments, orders = figures["next_segment"], figures["next_order"]
    own, markov = segments["model"], segments["markov"]
    speaks = "" if own["log_loss"] < markov["log_loss"] else "; it does not beat that, so the matrix speaks"
    answer.say(
        f"next segment: log loss {own['log_loss']:.4f}, right {own['top_1']:.1%}; the Markov matrix "
        f"{markov['log_loss']:.4f}, {markov['top_1']:.1%}{speaks}"
    )
    for name in ("at_risk", "cannot_lose"):
        if (told := segments.get(f"becomes_{name}_probability")) is None:  # the shop's own rules know no such segment
            continue
        answer.say(f"  becomes {name}: {told['predicted']:.2%} predicted, {told['happened']:.2%} happened")
    wait, other = orders["model"], orders["other"]
    closed = wait["coverage_customers"]
    held = f"of {closed:,} closed 80 % intervals {wait['coverage']:.0%} held it" if closed else "no interval has closed"
    answer.say(f"next order: pinball loss {wait['pinball']:.2f} days, the other shape {other['pinball']:.2f}; {held}")


_JUDGED = ("auc", "log_loss", "brier", "ece", "top_decile_lift")


def _methods(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Lay out how well each method did."""
    shown = pd.DataFrame(rows).T[list(_JUDGED)].rename_axis("method").reset_index()
    return table_text(shown, dict.fromkeys(_JUDGED, "{:.4f}"))


def tell_backtested(answer: Answer, done: Backtested, config: Config) -> None:
    """Tell how well the model and its baselines did at each as_of and over all, and how sure that is."""
    figures = done.figures
    answer.tell({"backtest": str(done.box), "run_id": done.run_id, **figures, "warnings": list(done.warnings)})
    _warn(answer, done.warnings)
    for judged in figures["as_ofs"]:
        answer.say(f"{judged['as_of']}: {judged['customers']:,} customers, by what was known before it")
        answer.say(_methods({"model": judged["model"], **judged["baselines"]}))
        _say_foresight(answer, judged)
        answer.say("")
    pooled = figures["pooled"]
    if len(figures["as_ofs"]) > 1:
        answer.say(f"all {len(figures['as_ofs'])} as_ofs: {pooled['customers']:,} rows")
        answer.say(_methods(pooled["methods"]))
        _say_foresight(answer, pooled)
        answer.say("")
    for name, told in pooled["differences"].items():
        loss, auc = ("{:+.4f} [{:+.4f}, {:+.4f}]".format(*told[figure]) for figure in ("log_loss", "auc"))
        answer.say(f"the model against {name}: log loss {loss}, AUC {auc}")
    most = pooled["profit"]["model"]
    answer.say(
        f"its best list: {most['contacted']:,} contacts, {most['most']:,.0f} {config.currency}, "
        f"assuming that a contact brings back {config.list.assumed_save_rate:.1%} of those who would churn"
    )
    answer.say(f"backtest box: {done.box}")


def tell_scored(answer: Answer, scored: Scored) -> None:
    """Tell how many were scored, and what is at risk in each segment."""
    answer.tell(
        {
            "scores": str(scored.box),
            "table": scored.table,
            "as_of": scored.as_of,
            "customers": scored.customers,
            "not_scored": dict(scored.not_scored),
            "segments": scored.segments.astype(object).where(scored.segments.notna(), None).to_dict("records"),
            "warnings": list(scored.warnings),
        }
    )
    _warn(answer, scored.warnings)
    answer.say(f"scored {scored.customers:,} people as of {scored.as_of}")
    if scored.not_scored:
        answer.say(f"not scored, since no list may hold them: {_by_reason(scored.not_scored)}")
    money = {
        "customers": "{:,}",
        "mean_churn_probability": "{:.2f}",
        "expected_value": "{:,.0f}",
        "value_at_risk": "{:,.0f}",
    }
    answer.say(table_text(scored.segments, money))
    answer.say(f"scores box: {scored.box}")
    if scored.table is not None:
        answer.say(f"scores table: {scored.table}")


def tell_exported(answer: Answer, exported: Exported, config: Config) -> None:
    """Tell the top of the list, who fell away, and where the files are."""
    listed = exported.listed
    answer.tell(
        {
            "list": str(exported.box),
            "campaign": listed.campaign,
            "contact": len(listed.contact),
            "holdout": len(listed.holdout),
            "dropped": dict(listed.dropped),
            "suppressed": listed.suppressed.facts(),
            "promise": listed.promise.facts(),
            "assumed_save_rate": config.list.assumed_save_rate if listed.promise.assumed else None,
            "save_rates": listed.saved.facts(),
            "plot": exported.plot and str(exported.plot),
            "files": [str(path) for path in exported.files],
            "warnings": list(listed.warnings),
        }
    )
    _warn(answer, listed.warnings)
    _say_sizes(answer, listed)
    for line in listed.promise.lines(len(listed.holdout), config.currency):
        answer.say(line)
    for line in listed.saved.lines():
        answer.say(line)
    if listed.promise.assumed:
        rate = config.list.assumed_save_rate
        answer.say(f"assumed is that a contact brings back {rate:.1%} of those who would churn")
    _say_top(answer, listed)
    tell_outcomes(answer, exported.outcomes)
    for path in exported.files:
        answer.say(f"  {path}")
    if exported.plot is not None:
        answer.say(f"figure: {exported.plot}")


def _say_sizes(answer: Answer, listed: Listed) -> None:
    answer.say(f"campaign {listed.campaign}: {len(listed.contact):,} to contact, {len(listed.holdout):,} held out")
    answer.say(f"left out: {_by_reason(listed.dropped)}")
    if told := listed.suppressed.told():
        answer.say(f"never to list: {told}")


def _by_reason(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.items() if count) or "nobody"


def _say_top(answer: Answer, listed: Listed) -> None:
    if listed.contact.empty or not answer.shows_people:
        return
    columns = ["rank", "customer_id", "segment", "churn_probability", "value_at_risk", "expected_profit"]
    money = {"churn_probability": "{:.2f}", "value_at_risk": "{:,.0f}", "expected_profit": "{:,.2f}"}
    answer.say(table_text(listed.contact.head(10)[columns], money))
    first = listed.contact.iloc[0]
    reasons = [first[name] for name in ("reason_1", "reason_2", "reason_3") if pd.notna(first[name])]
    answer.say(f"why customer {first['customer_id']}: {'; '.join(reasons)}")
    if pd.notna(first["play"]):
        answer.say(f"play: {first['play']}")


def _warn(answer: Answer, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        answer.warn(warning)


def table_text(rows: pd.DataFrame, formats: dict[str, str]) -> str:
    """Lay rows out for a terminal: numbers to the right, words to the left."""
    columns = []
    for name in map(str, rows):
        shown = ["–" if pd.isna(value) else formats.get(name, "{}").format(value) for value in rows[name]]
        width = max(map(len, (name, *shown)))
        side = ">" if pd.api.types.is_numeric_dtype(rows[name]) else "<"
        columns.append([f"{text:{side}{width}}" for text in (name, *shown)])
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))
