"""Export: the list of one campaign in two files, its arms in the ledger, and the files of destinations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from clm_ml.artifacts import Box, as_path, new_box, refuse_existing, refuse_existing_file, whole_file
from clm_ml.campaign import Ledger, open_ledger, refuse_bad_name
from clm_ml.config import Config
from clm_ml.destinations import Order, Outcome, is_like_a_formula, write_csv
from clm_ml.engine import BATCH_ROWS
from clm_ml.errors import CampaignError, ModelError
from clm_ml.features import build_features
from clm_ml.memory import give_back_memory
from clm_ml.model import BECOMES, REASONS, Model
from clm_ml.pipeline.delivering import Going, choose_destinations, deliver
from clm_ml.pipeline.listing import Listed, arms_of, find_candidates, listed_of, plays_of, share_to_hold_out
from clm_ml.pipeline.programme import find_held_back, programme_rows
from clm_ml.pipeline.scores import SCORES, open_scores
from clm_ml.pipeline.scoring import find_same_model
from clm_ml.progress import Progress, silent
from clm_ml.ranking import Ranked
from clm_ml.snapshot import prepare, take_snapshot
from clm_ml.tables import Tables, read_tables
from clm_ml.timeline import parse_day

__all__ = ["Exported", "export"]

#: What a list is made of; a million customers are held at once, so nothing else of the scores is read.
_SCORES = [
    "customer_id", "as_of", "segment", "phase", "days_since_last_order", "churn_probability",
    "expected_value_if_ordering", "expected_order_amount", "value_at_risk", *BECOMES, *REASONS,
]  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """A list box, what is in it, and what became of it for each destination.

    Attributes:
        box: the folder it lies in.
        listed: the two arms, and what the list promises.
        files: what was written into it: the two arms, and the files of destinations.
        outcomes: of each destination, how many rows were written, unchanged and invalid.
        plot: the figure, if one was asked for.
    """

    box: Path
    listed: Listed
    files: tuple[Path, ...]
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    plot: Path | None = None

    def _repr_html_(self) -> str:
        files = "".join(f"<li>{escape(str(path.relative_to(self.box)))}</li>" for path in self.files)
        return f"{self.listed._repr_html_()}<p>files of {escape(str(self.box))}</p><ul>{files}</ul>"


def export(
    config: Config,
    scores: str | Path,
    campaign: str,
    out: str | Path,
    *,
    destinations: Sequence[str] = (),
    changed_only: bool = False,
    strict: bool = False,
    uplift: str | Path | None = None,
    plot: str | Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Exported:
    """Write the list box of a campaign from a scores box: suppress, consent, rank, cut, assign, ledger, files.

    With `changed_only` the destinations' files hold only rows that differ from those delivered; with `strict` keys that
    begin like a formula are refused; with `uplift`, a box of it, the list is ranked by what is proved, if its gate was
    passed, and a warning says so otherwise; with `plot` a PNG shows what a list of any length would be expected to
    earn.
    """
    scores, out, uplift, plot = as_path(scores), as_path(out), as_path(uplift), as_path(plot)
    refuse_bad_name(campaign)
    chosen = choose_destinations(config, destinations)
    order = Order(campaign, config.delivery.control, strict, changed_only, config.delivery.campaign_ids.get(campaign))
    refuse_existing(out, force)
    refuse_existing_file(plot, force)
    box = open_scores(scores, _SCORES)
    _refuse_scores_of_everyone(box, config)
    tables = read_tables(config, progress=progress)
    progress("ranking", 0, 1)
    with open_ledger(config.path(config.list.ledger)) as ledger:
        ledger.refuse_pruned(campaign)
        day = str(box.facts["as_of"])
        found = find_candidates(lambda: _read_scores(box), day, tables, config, campaign, ledger, uplift)
        ranked = _with_reasons(found.ranked, box, tables, config)
        found = replace(found, ranked=ranked, warnings=found.warnings + _doubtful(ranked.customers["customer_id"]))
        give_back_memory()
        arms, plays = _assign(ranked, ledger, config, campaign, day)
    give_back_memory()
    listed = listed_of(found, arms, plays, campaign, tables, config)
    going, told = _going(listed, arms, order), {"uplift": found.proved.facts} if found.proved.facts else {}
    del found, ranked, arms, plays
    give_back_memory()
    progress("writing", 0, 1)
    facts = _facts(box, listed, config) | told
    with new_box(out, "list", facts, force=force, private=True) as hidden:
        files = _write(hidden, listed)
        outcomes = deliver(hidden, going, tables, config, chosen, progress)
        files += [path for outcome in outcomes.values() for path in outcome.files]
        facts["destinations"] = {name: outcome.facts() for name, outcome in outcomes.items()}
    tables.engine.close()
    progress("writing", 1, 1)
    _draw(listed, plot, force)
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


def _assign(
    ranked: Ranked, ledger: Ledger, config: Config, campaign: str, day: str
) -> tuple[dict[str, str], dict[str, int]]:
    """Write down the arm and the play of those who are new; give those of everybody who is listed, or ever was."""
    share, members = share_to_hold_out(ranked, config, ledger, campaign), ledger.arms(campaign)
    arms = arms_of(ranked, campaign, config, share, members)
    plays = plays_of(ranked, arms, members, campaign, config, ledger)
    ledger.record(_programme(ranked, ledger, config, members, day))
    rows = _ledger_rows(ranked, arms, plays, config, campaign, share)
    del arms, members  # the ledger's take their place, and would not fit beside them
    return ledger.record(rows), ledger.plays(campaign)


def _programme(ranked: Ranked, ledger: Ledger, config: Config, members: Collection[str], day: str) -> pd.DataFrame:
    plan = config.list
    held_back = find_held_back(ledger, plan, members)
    return programme_rows(ranked.programme, ledger, plan, held_back, members, date.fromisoformat(day))


def _ledger_rows(
    ranked: Ranked, arms: Mapping[str, str], plays: Mapping[str, int], config: Config, campaign: str, share: float
) -> pd.DataFrame:
    customers = ranked.customers
    day = pd.Timestamp(customers["as_of"].iloc[0]).date()
    return pd.DataFrame(
        {
            "campaign": campaign,
            "customer_id": customers["customer_id"],
            "arm": [arms[name] for name in customers["customer_id"]],
            "share": share,
            "stratum": customers["segment"],
            "rank": customers["rank"],
            "score": customers["expected_profit"],
            "ranked_by": customers["ranked_by"],
            "assigned_at": day.isoformat(),
            "sent_on": day.isoformat(),
            "horizon_days": config.task.horizon_days,
            "delete_after": config.list.delete_after(day),
            "play": [plays.get(name, 1) for name in customers["customer_id"]],
        }
    )


def _draw(listed: Listed, plot: Path | None, force: bool) -> None:
    if plot is None:
        return
    with whole_file(plot, force=force) as hidden:
        listed.figure().savefig(hidden, dpi=150, format="png")


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
    others = set[str]()
    if len(arms) > len(listed.contact) + len(listed.holdout):  # everybody who is listed has an arm
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
        "save_rates": listed.saved.facts(),
        "delete_after": config.list.delete_after(day),
        "scores": dict(box.facts),
    }
