"""Export: scores become the ranked list of one campaign, in two arms and two files, and the files of destinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from clm_ml.artifacts import Box, new_box, open_box, refuse_existing, refuse_existing_file, whole_file
from clm_ml.campaign import CONTACT, HOLDOUT, Ledger, assign_arms, open_ledger, refuse_bad_name
from clm_ml.config import Config
from clm_ml.destinations import Order, Outcome, is_like_a_formula, write_csv
from clm_ml.engine import BATCH_ROWS
from clm_ml.errors import CampaignError, ModelError
from clm_ml.features import build_features
from clm_ml.lifecycle import playbook
from clm_ml.memory import give_back_memory
from clm_ml.model import BECOMES, REASONS, Model
from clm_ml.pipeline.delivering import Going, choose_destinations, deliver
from clm_ml.pipeline.favourites import find_favourite_categories
from clm_ml.pipeline.permission import find_consent
from clm_ml.pipeline.persuading import Proved, find_effects
from clm_ml.pipeline.programme import find_fatigued, find_held_back, programme_rows
from clm_ml.pipeline.promising import Promise, promise, smallest_share
from clm_ml.pipeline.reading import find_reading
from clm_ml.pipeline.scoring import SCORES, find_same_model
from clm_ml.pipeline.suppressing import Suppressed, find_suppressed
from clm_ml.plots import plot_list
from clm_ml.progress import Progress, silent
from clm_ml.ranking import Floats, Ranked, find_forbidden, rank_customers
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import Tables, read_tables
from clm_ml.timeline import parse_day

__all__ = ["Exported", "Listed", "export", "rank"]

COLUMNS = [
    "rank", "customer_id", "campaign", "arm", "segment", "phase", "play", "churn_probability",
    "expected_value_if_ordering", "value_at_risk", "expected_profit", "ranked_by", *REASONS, *BECOMES,
    "favourite_category", "last_order_on", "scored_on",
]  # fmt: skip

#: What a list is made of; a million customers are held at once, so nothing else of the scores is read.
_SCORES = [
    "customer_id", "as_of", "segment", "phase", "days_since_last_order", "churn_probability",
    "expected_value_if_ordering", "expected_order_amount", "value_at_risk", *BECOMES, *REASONS,
]  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """One campaign's customers, in rank order, in two frames, so that nobody mails the holdout.

    Both have the list's columns; `dropped` counts who fell away, by reason; `promise` is what the list is expected to
    earn; `profits` is the expected profit of everybody who may be contacted, in the order in which the budget takes
    them; `suppressed` says what the file of those never to list was taken for.
    """

    campaign: str
    contact: pd.DataFrame = field(repr=False)
    holdout: pd.DataFrame = field(repr=False)
    dropped: Mapping[str, int]
    promise: Promise = field(repr=False)
    profits: Floats = field(repr=False)
    warnings: tuple[str, ...] = ()
    suppressed: Suppressed = field(default_factory=Suppressed)

    def _repr_html_(self) -> str:
        sizes = f"{len(self.contact):,} to contact, {len(self.holdout):,} held out"
        return f"<p><b>{self.campaign}</b>: {sizes}</p>{self.contact.head(10).to_html(index=False, escape=True)}"


@dataclass(frozen=True)
class Exported:
    """A list box, what is in it, and what became of it for each destination."""

    box: Path
    listed: Listed
    files: tuple[Path, ...]
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    plot: Path | None = None


def rank(scores: pd.DataFrame, tables: Tables, config: Config, campaign: str, *, uplift: Path | None = None) -> Listed:
    """Rank customers for a campaign as `export` would, without writing anything.

    Args:
        scores: one row a customer, as `Model.score` or a scores box gives them.
        tables: for consent.
        config: for the list and the ledger, which is read if it is there.
        campaign: its name; the arms depend on it.
        uplift: an uplift box to rank by, if it has passed its gate; otherwise a warning says that it has not.

    Raises:
        CampaignError: if nobody is left to contact.
    """
    refuse_bad_name(campaign)
    with open_ledger(config.path(config.list.ledger), only_look=True) as ledger:
        ledger.refuse_pruned(campaign)
        day = pd.Timestamp(scores["as_of"].max()).date().isoformat()
        suppressed = find_suppressed(config, tables)
        proved = _proved(uplift, [scores], day, tables, config, suppressed)
        ranked, warnings = _ranked(scores, day, tables, config, campaign, ledger, suppressed, proved)
        arms = _arms(ranked, campaign, config, _share(ranked, config, ledger, campaign), ledger.arms(campaign))
    return replace(_listed(ranked, arms, campaign, tables, config, warnings), suppressed=suppressed)


def export(
    config: Config,
    scores: Path,
    campaign: str,
    out: Path,
    *,
    destinations: Sequence[str] = (),
    changed_only: bool = False,
    strict: bool = False,
    uplift: Path | None = None,
    plot: Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Exported:
    """Write the list box of a campaign from a scores box: suppress, consent, rank, cut, assign, ledger, files.

    With `changed_only` the destinations' files hold only rows that differ from those delivered; with `strict` keys that
    begin like a formula are refused; with `uplift`, a box of it, the list is ranked by what is proved, if its gate was
    passed, and a warning says so otherwise; with `plot` a PNG shows what a list of any length would be expected to
    earn.
    """
    refuse_bad_name(campaign)
    chosen = choose_destinations(config, destinations)
    order = Order(campaign, config.delivery.control, strict, changed_only, config.delivery.campaign_ids.get(campaign))
    refuse_existing(out, force)
    refuse_existing_file(plot, force)
    box = open_box(scores, "scores")
    _refuse_scores_of_everyone(box, config)
    tables = read_tables(config, progress=progress)
    progress("ranking", 0, 1)
    suppressed = find_suppressed(config, tables)
    with open_ledger(config.path(config.list.ledger)) as ledger:
        ledger.refuse_pruned(campaign)
        day = str(box.facts["as_of"])
        proved = _proved(uplift, _read_scores(box), day, tables, config, suppressed)
        ranked, warnings = _ranked(_read_scores(box), day, tables, config, campaign, ledger, suppressed, proved)
        ranked = _with_reasons(ranked, box, tables, config)
        share = _share(ranked, config, ledger, campaign)
        arms = _arms(ranked, campaign, config, share, ledger.arms(campaign))
        ledger.record(_programme(ranked, ledger, config, campaign, day))
        arms |= ledger.record(_ledger_rows(ranked, arms, config, campaign, share))
    warnings += _doubtful(ranked.customers["customer_id"])
    listed = replace(_listed(ranked, arms, campaign, tables, config, warnings), suppressed=suppressed)
    going = _going(listed, arms, order)
    del ranked, arms
    give_back_memory()
    progress("writing", 0, 1)
    facts = _facts(box, listed, config) | ({"uplift": proved.facts} if proved.facts else {})
    with new_box(out, "list", facts, force=force, private=True) as hidden:
        files = _write(hidden, listed)
        outcomes = deliver(hidden, going, tables, config, chosen, progress)
        files += [path for outcome in outcomes.values() for path in outcome.files]
        facts["destinations"] = {name: outcome.facts() for name, outcome in outcomes.items()}
    tables.engine.close()
    progress("writing", 1, 1)
    _draw(listed, config, plot, force)
    return Exported(out, listed, tuple(out / path for path in files), outcomes, plot)


def _refuse_scores_of_everyone(box: Box, config: Config) -> None:
    if config.list.scores_of == "permitted" and box.facts.get("scores_of") != "permitted":
        raise CampaignError(
            f"{box.folder} has scores of everyone, and list.scores_of takes only those of whom a list may hold; score "
            "again."
        )


def _read_scores(box: Box) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(box.path(SCORES)) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=_SCORES):
            yield batch.to_pandas()


def _ranked(
    scores: pd.DataFrame | Iterator[pd.DataFrame],
    as_of: str,
    tables: Tables,
    config: Config,
    campaign: str,
    ledger: Ledger,
    suppressed: Suppressed,
    proved: Proved,
) -> tuple[Ranked, tuple[str, ...]]:
    consent, members = find_consent(tables), ledger.arms(campaign)
    ranked = rank_customers(
        scores,
        config.list,
        suppressed=suppressed.customers,
        consent=consent,
        reserved=ledger.reserved(campaign, as_of),
        fatigued=find_fatigued(ledger, config.list, campaign, as_of),
        members=members,
        reading=find_reading(tables, parse_day(as_of), config.list.read_days),
        uplift=proved.effects,
        is_held_back=find_held_back(ledger, config.list, members),
        plays=playbook(config),
    )
    is_asked = consent is not None and "may_contact" in consent.columns
    warnings = [] if is_asked else ["consent is not checked: no table of customers maps may_contact."]
    if suppressed.rows and not ranked.dropped.get("suppressed"):
        warnings.append(f"list.suppress has {suppressed.told()}, and nobody who is scored is among them: look at it.")
    return ranked, (*warnings, *proved.warnings)


def _proved(
    uplift: Path | None,
    scores: Iterable[pd.DataFrame],
    day: str,
    tables: Tables,
    config: Config,
    suppressed: Suppressed,
) -> Proved:
    """Find what uplift proves of those who may be listed: by their segment, or by what they are likely to become.

    Nobody is asked about whom no list may hold.
    """
    if uplift is None:
        return Proved()
    plan, consent, ids = config.list, find_consent(tables), []
    for part in scores:
        wanted = part["segment"].isin(plan.segments)
        for column in (name for name in BECOMES if plan.also_predicted and name in part):
            wanted |= part[column] >= plan.predicted_from
        forbidden = find_forbidden(part["customer_id"], suppressed=suppressed.customers, consent=consent)
        ids.append(part.loc[wanted & ~forbidden.any(axis=1), "customer_id"])
    return find_effects(uplift, pd.concat(ids, ignore_index=True), day, tables, config)


def _with_reasons(ranked: Ranked, box: Box, tables: Tables, config: Config) -> Ranked:
    """Fill the reasons of listed customers that scoring left out because they are costly."""
    customers = ranked.customers
    without = customers["reason_1"].isna()
    if not without.any():
        return ranked
    model = _same_model(box, config)
    ids = pd.DataFrame({"customer_id": customers.loc[without, "customer_id"]})
    wanted = tables.engine.keep(tables.engine.given(ids))
    snapshot = take_snapshot(prepare(tables), parse_day(box.facts["as_of"]), wanted)
    features = tables.engine.collect(build_features(snapshot, model.task), "customer_id").to_pandas()
    told = model.explain(model.complete(features)).set_index(features["customer_id"])
    filled = customers.set_index("customer_id")
    filled.loc[told.index, list(REASONS)] = told
    return replace(ranked, customers=filled.reset_index())


def _same_model(box: Box, config: Config) -> Model:
    """Find the model that made the scores; another one's reasons would explain other probabilities."""
    model = find_same_model(box, config)
    if model is None:
        raise ModelError(
            f"the scores lack reasons for some listed customers, and {box.facts['model']['at']} is not the model that "
            "made them any more; score again, or with --reasons all."
        )
    return model


def _share(ranked: Ranked, config: Config, ledger: Ledger, campaign: str) -> float:
    """Tell the share to hold out; where the list is to find it, a campaign that is exported again keeps its own."""
    if config.list.holdout_share != "auto":
        return config.list.holdout_share
    known = ledger.share(campaign)
    return smallest_share(ranked.customers, config) if known is None else known


def _arms(ranked: Ranked, campaign: str, config: Config, share: float, known: Mapping[str, str]) -> dict[str, str]:
    """Keep the arms there are, and assign those who are new."""
    new = ranked.customers[~ranked.customers["customer_id"].isin(list(known))]
    ids = new["customer_id"].tolist()
    assigned = assign_arms(ids, new["segment"].tolist(), campaign, share, config.list.assignment)
    return dict(known) | dict(zip(ids, assigned, strict=True))


def _programme(ranked: Ranked, ledger: Ledger, config: Config, campaign: str, day: str) -> pd.DataFrame:
    members, plan = ledger.arms(campaign), config.list
    held_back = find_held_back(ledger, plan, members)
    return programme_rows(ranked.programme, ledger, plan, held_back, members, date.fromisoformat(day))


def _ledger_rows(ranked: Ranked, arms: Mapping[str, str], config: Config, campaign: str, share: float) -> pd.DataFrame:
    customers = ranked.customers
    day = pd.Timestamp(customers["as_of"].iloc[0]).date()
    return pd.DataFrame(
        {
            "campaign": campaign,
            "customer_id": customers["customer_id"],
            "arm": customers["customer_id"].map(arms),
            "share": share,
            "stratum": customers["segment"],
            "rank": customers["rank"],
            "score": customers["expected_profit"],
            "ranked_by": customers["ranked_by"],
            "assigned_at": day.isoformat(),
            "sent_on": day.isoformat(),
            "horizon_days": config.task.horizon_days,
            "delete_after": _delete_after(day, config),
        }
    )


def _listed(
    ranked: Ranked, arms: Mapping[str, str], campaign: str, tables: Tables, config: Config, warnings: tuple[str, ...]
) -> Listed:
    customers = ranked.customers
    scored_on = pd.to_datetime(customers["as_of"])
    last = scored_on - pd.to_timedelta(customers["days_since_last_order"].astype("int64"), unit="D")
    arm = customers["customer_id"].map(dict(arms))
    likes = find_favourite_categories(customers["customer_id"].tolist(), tables, parse_day(scored_on.max().date()))
    rows = customers.assign(
        campaign=campaign,
        arm=arm,
        favourite_category=customers["customer_id"].map(likes),
        last_order_on=last.dt.strftime("%Y-%m-%d"),
        scored_on=scored_on.dt.strftime("%Y-%m-%d"),
    )[COLUMNS]
    contact, holdout = (rows[arm == name].reset_index(drop=True) for name in (CONTACT, HOLDOUT))
    return Listed(campaign, contact, holdout, ranked.dropped, promise(customers, arm, config), ranked.profits, warnings)


def _draw(listed: Listed, config: Config, plot: Path | None, force: bool) -> None:
    if plot is None:
        return
    both = pd.concat([listed.contact, listed.holdout])["expected_profit"]
    figure = plot_list(
        listed.profits, len(both), float(both.sum()), config.currency, is_assumed=bool(listed.promise.assumed)
    )
    with whole_file(plot, force=force) as hidden:
        figure.savefig(hidden, dpi=150, format="png")


def _doubtful(customer_ids: pd.Series[str]) -> tuple[str, ...]:
    """Warn of ids that a spreadsheet would run: the list's own files are for machines, and never altered."""
    count = sum(map(is_like_a_formula, customer_ids))
    told = "begin like a formula; do not open the list's own files in a spreadsheet, but those of table."
    return (f"{count:,} customer ids {told}",) if count else ()


def _write(hidden: Path, listed: Listed) -> list[Path]:
    names = {"contact.csv": listed.contact, "holdout.csv": listed.holdout}
    for name, rows in names.items():
        write_csv(rows, hidden / name)
    return [Path(name) for name in names]


def _going(listed: Listed, arms: Mapping[str, str], order: Order) -> Going:
    """Tell who is on the list, and who was in the campaign before and is not."""
    others = arms.keys() - {*listed.contact["customer_id"], *listed.holdout["customer_id"]}
    return Going(listed.contact, listed.holdout, others, order)


def _facts(box: Box, listed: Listed, config: Config) -> dict[str, Any]:
    day = date.fromisoformat(box.facts["as_of"])
    return {
        "campaign": listed.campaign,
        "as_of": box.facts["as_of"],
        "contact": len(listed.contact),
        "holdout": len(listed.holdout),
        "dropped": dict(listed.dropped),
        "suppressed": listed.suppressed.facts(),
        "list": config.list.model_dump(mode="json", exclude={"ledger", "suppress"}),
        "promise": listed.promise.facts(),
        "delete_after": _delete_after(day, config),
        "scores": dict(box.facts),
    }


def _delete_after(day: date, config: Config) -> str:
    return (day + timedelta(days=config.list.delete_after_days)).isoformat()
