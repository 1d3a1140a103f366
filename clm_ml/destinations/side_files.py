"""Files beside a destination's own that make an import one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clm_ml.artifacts import json_text
from clm_ml.destinations.schema import Destination

__all__ = ["Written", "write_beside"]

#: HubSpot's number for contacts.
_CONTACTS = "0-1"


@dataclass(frozen=True)
class Written:
    """One file that was written: of whom its rows are (contact, holdout, left), and whether both arms are in it."""

    path: Path
    role: str
    mixed: bool = False


def write_beside(destination: Destination, campaign: str, files: Iterable[Written]) -> list[Path]:
    """Write what the destination wants beside its files; nothing if it wants nothing."""
    written = list(files)
    return (
        [] if destination.beside is None or not written else _KINDS[destination.beside](destination, campaign, written)
    )


def _hubspot_import(destination: Destination, campaign: str, files: list[Written]) -> list[Path]:
    """Write a request of HubSpot's imports API a file: contacts are updated by e-mail, and none is created.

    Those to contact become a list there; those held out or gone do not, nor a file in which the arms are mixed.
    """
    assert destination.key is not None
    mappings = [_mapping(name, destination.key.column) for name in destination.columns]
    page = {"hasHeader": True, "columnMappings": mappings}
    paths = []
    for file in files:
        stem = file.path.stem.removeprefix("contact").strip("-")
        path = file.path.with_name(f"import-{stem}.json" if stem else "import.json")
        request = {
            "name": f"{campaign} {file.path.stem}",
            "importOperations": {_CONTACTS: "UPDATE"},
            "dateFormat": "YEAR_MONTH_DAY",
            "createContactListFromImport": file.role == "contact" and not file.mixed,
            "files": [{"fileName": file.path.name, "fileFormat": "CSV", "fileImportPage": page}],
        }
        path.write_text(json_text(request), encoding="utf-8")
        paths.append(path)
    return paths


def _mapping(column: str, key: str) -> dict[str, str]:
    mapping = {"columnObjectTypeId": _CONTACTS, "columnName": column, "propertyName": column}
    return mapping | ({"columnType": "HUBSPOT_ALTERNATE_ID"} if column == key else {})


def _salesforce_job(destination: Destination, campaign: str, files: list[Written]) -> list[Path]:  # noqa: ARG001
    """Write the job of Salesforce's Bulk API 2.0, the same for every file: each wants a job of its own."""
    assert destination.key is not None
    path = files[0].path.with_name("job.json")
    job: dict[str, Any] = {
        "object": "Contact",
        "operation": "upsert",
        "externalIdFieldName": destination.key.column,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    path.write_text(json_text(job), encoding="utf-8")
    return [path]


_KINDS: dict[str, Callable[[Destination, str, list[Written]], list[Path]]] = {
    "hubspot_import": _hubspot_import,
    "salesforce_job": _salesforce_job,
}
