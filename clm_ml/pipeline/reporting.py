"""Report: what lies in boxes becomes one page; tables are read only where contact fields are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from clm_ml.artifacts import Box, open_box, refuse_existing_file, whole_file
from clm_ml.config import Config
from clm_ml.engine import BATCH_ROWS
from clm_ml.errors import ArtifactError, ClmError, ModelError
from clm_ml.lifecycle import NEW
from clm_ml.model import About, read_about
from clm_ml.pipeline.delivering import find_people
from clm_ml.pipeline.scores import SCORES, open_scores
from clm_ml.pipeline.scoring import find_model
from clm_ml.progress import Progress, silent
from clm_ml.report_page import ListMade, Material, Measurement, Moved, columns_of, count_scores, write_page
from clm_ml.tables import read_tables

__all__ = ["Reported", "report"]

_FINDING = ("kind", "what", "level", "value", "threshold", "words")
_LEVELS = ("silent", "notice", "alarm")


@dataclass(frozen=True)
class Reported:
    """A page: where it is, the one thing to know, and the page itself."""

    path: Path
    headline: str
    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{escape(self.headline)}" srcdoc="{escape(self.html)}" sandbox '
            'width="100%" height="720" style="border:1px solid #8888"></iframe>'
        )


def report(
    config: Config,
    scores: str | Path,
    out: str | Path | None = None,
    *,
    model: str | Path | None = None,
    lists: Sequence[str | Path] = (),
    measured: Sequence[str | Path] = (),
    transitions: str | Path | None = None,
    monitored: str | Path | None = None,
    reveal: bool = False,
    rows: int | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Reported:
    """Write one page that tells what scores say, and what became of lists, from boxes alone.

    The page asks nobody for anything and runs nothing. Customers are named only where a list was given, since only an
    export has asked for consent; how to reach them is told only if asked for.

    Args:
        config: the project; its currency, rules and playbook.
        scores: the scores box.
        out: the file; reports/PROJECT-DAY.html if it is not given. Only its owner may read it.
        model: the model's box, if it is not where it was when it made the scores.
        lists: list boxes, whose promise and first customers are shown.
        measured: measurement boxes.
        transitions: a transitions box, for who moved until now and how sure the sizes of segments are.
        monitored: the JSON that `clm-ml monitor` wrote.
        reveal: whether contact fields of the listed customers are shown; then the tables are read.
        rows: so many customers of each list are named; `report.rows` of the config if it is not given.
        force: whether a file that is there is replaced.
        progress: told how far it is.

    Raises:
        ArtifactError: if a box is missing, altered, of another kind or of another project, or the file is taken.
        ModelError: if the named model is not the one that made the scores, or there are no scores.
    """
    box = open_scores(Path(scores))
    path = Path(out) if out is not None else Path("reports") / f"{config.project}-{box.facts['as_of']}.html"
    refuse_existing_file(path, force)
    _refuse_other_project(box, config)
    about, no_model = _about(config, box, model)
    material = Material(
        config=config,
        facts=box.facts,
        counted=count_scores(_read_scores(box, config, progress), config.segments),
        about=about,
        no_model=no_model,
        lists=tuple(_list(Path(folder), config) for folder in lists),
        measured=tuple(_measurement(Path(folder)) for folder in measured),
        moved=None if transitions is None else _moved(Path(transitions), config),
        monitored=None if monitored is None else _monitored(Path(monitored)),
        rows=config.report.rows if rows is None else rows,
    )
    if reveal:
        material = replace(material, people=_people(material, progress))
    progress("drawing", 0, 1)
    with _told_of("a box that was given"):  # of a page that boxes of ours make, every word is there
        page = write_page(material)
    with whole_file(path, force=force) as hidden:
        hidden.write_text(page.html, encoding="utf-8", newline="\n")
        hidden.chmod(0o600)  # it tells of people
    progress("drawing", 1, 1)
    return Reported(path, page.headline, page.html)


def _refuse_other_project(box: Box, config: Config) -> None:
    made_of = box.facts["model"]["facts"]["project"]
    if made_of != config.project:
        raise ArtifactError(
            f"{box.folder} was made for the project {made_of}, and the config is of {config.project}; name the config "
            "of that project."
        )


def _about(config: Config, box: Box, model: str | Path | None) -> tuple[About | None, str]:
    """Read the model's box: the one named, which must be the right one, or the one where it was, which need not be."""
    made_by = box.facts["model"]
    place = str(model or made_by["at"])
    try:
        about = read_about(find_model(config, place))
    except ClmError:
        if model is not None:
            raise
        return None, "the model's box is not where it was; name its place with --model DIR"
    if dict(about.facts) == made_by["facts"]:
        return about, ""
    if model is not None:
        raise ModelError(f"{place} is not the model that made the scores; name that one, or leave --model out.")
    return None, "another model has taken the place of the one that made the scores; name that one with --model DIR"


def _read_scores(box: Box, config: Config, progress: Progress) -> Iterator[pd.DataFrame]:
    columns = columns_of(config.segments)
    with pq.ParquetFile(box.path(SCORES)) as file:
        if lacking := sorted({*columns} - {*file.schema_arrow.names}):
            raise ModelError(
                f"the scores lack {lacking[0]}, of a segment that the config has; score again, or restore the config."
            )
        done, rows = 0, file.metadata.num_rows
        for batch in file.iter_batches(BATCH_ROWS, columns=columns):
            progress("counting", done, rows)
            yield batch.to_pandas()
            done += len(batch)
        progress("counting", rows, rows)


@contextmanager
def _told_of(box: Path | str) -> Iterator[None]:
    """Refuse a box that holds something else than we wrote, whatever its manifest says."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ArtifactError(f"{box} holds something else than clm-ml writes; make it again.") from error


def _list(folder: Path, config: Config) -> ListMade:
    box = open_box(folder, "list")
    _refuse_other_project(Box(folder, "list", box.facts["scores"]), config)
    with _told_of(folder):
        contact = _read_csv(box.path("contact.csv"), dtype={"customer_id": str})
        return ListMade(box.facts, contact.astype({"expected_profit": "float64"}))


def _read_csv(path: Path, **how: Any) -> pd.DataFrame:
    """Read a table of ours, in which nothing but an empty cell is missing: somebody may be called NA."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], **how)


def _measurement(folder: Path) -> Measurement:
    box = open_box(folder, "measurement")
    with _told_of(folder):
        try:
            effects = _read_csv(box.path("effects.csv"), dtype={"name": str, "campaign": str})
        except pd.errors.EmptyDataError:  # nothing is compared while a horizon is open
            effects = pd.DataFrame()
        return Measurement(json.loads(box.path("measurement.json").read_text(encoding="utf-8")), effects)


def _moved(folder: Path, config: Config) -> Moved:
    box = open_box(folder, "transitions")
    names, forecast = list(config.segments.names), box.path("forecast.csv")
    with _told_of(folder):
        flows, sizes = pd.read_csv(box.path("observed.csv")), pd.read_csv(forecast) if forecast.exists() else None
        moves = json.loads(box.path("moves.json").read_text(encoding="utf-8"))
        strange = {*flows["from_segment"], *flows["to_segment"]} - {*names, NEW}
    if strange:
        raise ModelError(f"{folder} knows a segment that the config does not; count again.")
    observed = flows.pivot_table(index="from_segment", columns="to_segment", values="customers", fill_value=0)
    return Moved(box.facts, moves, observed.reindex(index=[*names, NEW], columns=names, fill_value=0), sizes)


def _monitored(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ArtifactError(f"{path} is no JSON; name what clm-ml monitor wrote.") from None
    if not isinstance(told, dict) or not _is_monitored(told):
        raise ArtifactError(f"{path} is not what clm-ml monitor writes; name that.")
    return told


def _is_monitored(told: dict[str, Any]) -> bool:
    findings = told.get("findings")
    if not isinstance(findings, list) or not {"as_of", "reference_as_of", "alarm"} <= set(told):
        return False
    return all(isinstance(each, dict) and set(_FINDING) <= set(each) and each["level"] in _LEVELS for each in findings)


def _people(material: Material, progress: Progress) -> pd.DataFrame:
    """Read how to reach those who are named; of nobody else."""
    named = {name for made in material.lists for name in made.contact["customer_id"].head(material.rows)}
    tables = read_tables(material.config, progress=progress)
    ids = pd.Series(sorted(named), dtype="str")
    people = find_people(ids, tables).set_index(ids.rename("customer_id"))
    tables.engine.close()
    return people
