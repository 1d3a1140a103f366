"""Readers written from the vendors' rules, not from the writer: each refuses what its vendor would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

Row = dict[str, str]

GROUPS = {"treatment", "control", "none"}
MB = 1_000_000


class Refused(AssertionError):
    """What a vendor would not import."""


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(what)


def cells_of(raw: bytes) -> list[list[str]]:
    """Read CSV as RFC 4180 has it, with LF between records: by hand, so that nothing is forgiven."""
    demand(not raw.startswith(b"\xef\xbb\xbf"), "a byte order mark")
    text = raw.decode("utf-8")
    demand(text.endswith("\n"), "the last line is not ended")
    rows, row, place = [], [], 0
    while place < len(text):
        if text[place] == '"':
            cell, place = _quoted(text, place + 1)
        else:
            end = re.compile(r"[,\n]").search(text, place).start()
            cell, place = text[place:end], end
            demand('"' not in cell and "\r" not in cell, "a bare quote or CR")
        row.append(cell)
        demand(text[place] in ",\n", "something after a quoted cell")
        if text[place] == "\n":
            rows.append(row)
            row = []
        place += 1
    demand(len({len(row) for row in rows}) == 1, "rows of several lengths")
    return rows


def _quoted(text: str, place: int) -> tuple[str, int]:
    parts = []
    while True:
        end = text.index('"', place)
        parts.append(text[place:end])
        if text[end + 1 : end + 2] != '"':
            return "".join(parts), end + 1
        parts.append('"')
        place = end + 2


def rows_of(path: Path, headers: list[str], max_mb: float | None = None, max_lines: int | None = None) -> list[Row]:
    demand(max_mb is None or path.stat().st_size <= max_mb * MB, "more bytes than the vendor takes")
    found = cells_of(path.read_bytes())
    demand(max_lines is None or len(found) <= max_lines, "more lines than the vendor takes")
    demand(found[0] == headers, f"another header: {found[0]}")
    return [dict(zip(headers, row, strict=True)) for row in found[1:]]


def is_address(text: str) -> bool:
    local, _, domain = text.partition("@")
    fits = 0 < len(local) <= 64 and len(text) <= 254 and "." in domain and "@" not in domain
    return fits and text.isascii() and not re.search(r"[\s,;<>()\[\]\"\\]", text) and ".." not in text


def is_number(text: str, low: float = 0, high: float = float("inf")) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None and low <= float(text) <= high


def is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None and bool(date.fromisoformat(text))


def check_told(row: Row, prefix: str, names: dict[str, str]) -> None:
    """Check what every CRM is told of a customer; no cell is blank, since blanks clear nothing."""
    told = {name: row[prefix + column] for name, column in names.items()}
    demand(all(row.values()), "a blank cell")
    demand(told["group"] in GROUPS, "no group")
    demand(is_number(told["rank"]) and "." not in told["rank"], "rank is no whole number")
    demand(is_number(told["risk"], 0, 1), "risk is no share")
    demand(is_number(told["value"]), "value is no number, or has a currency")
    demand("\n" not in told["reason"] and "\r" not in told["reason"], "reason has several lines")
    if told["group"] == "none":
        zeros = all(float(told[name]) == 0 for name in ("rank", "risk", "value"))
        demand(told["campaign"] == "none" and zeros, "who has left is told so")


def check_unique(keys: list[str]) -> None:
    demand(len(keys) == len(set(keys)), "a repeated key")


NAMES = {name: name for name in ("campaign", "group", "rank", "risk", "value", "segment", "reason", "scored_on")}
COLUMNS = [f"clm_{name}" for name in NAMES]


def read_hubspot(path: Path) -> list[Row]:
    headers = ["email", *COLUMNS]
    rows = rows_of(path, headers, 512, 1_048_576)
    for row in rows:
        check_told(row, "clm_", NAMES)
        demand(is_address(row["email"]), "no e-mail address")
        demand(len(row["clm_reason"]) <= 200, "a reason of more than 200 characters")
        demand(is_day(row["clm_scored_on"]), "no YEAR_MONTH_DAY")
    check_unique([row["email"].casefold() for row in rows])
    if rows:
        _check_hubspot_import(path, headers, {row["clm_group"] for row in rows})
    return rows


def _check_hubspot_import(path: Path, headers: list[str], groups: set[str]) -> None:
    requests = [json.loads(file.read_text("utf-8")) for file in path.parent.glob("import*.json")]
    (request,) = [told for told in requests if told["files"][0]["fileName"] == path.name]
    demand(request["importOperations"] == {"0-1": "UPDATE"}, "people would be created")
    demand(request["dateFormat"] == "YEAR_MONTH_DAY", "dates would be misread")
    demand(not request["createContactListFromImport"] or groups == {"treatment"}, "a list of those held out")
    (file,) = request["files"]
    page = file["fileImportPage"]
    demand(file["fileFormat"] == "CSV" and page["hasHeader"] is True, "another format")
    demand([mapped["columnName"] for mapped in page["columnMappings"]] == headers, "columns are mapped in order")
    by = [mapped["propertyName"] for mapped in page["columnMappings"] if "columnType" in mapped]
    demand(by == ["email"] and page["columnMappings"][0]["columnType"] == "HUBSPOT_ALTERNATE_ID", "not by e-mail")


SALESFORCE = {
    "campaign": "Campaign__c", "group": "Group__c", "rank": "Rank__c", "risk": "Churn_Risk__c",
    "value": "Expected_Value__c", "segment": "Segment__c", "reason": "Reason__c", "scored_on": "Scored_On__c",
}  # fmt: skip


def read_salesforce(path: Path) -> list[Row]:
    key = "CLM_Customer_Id__c"
    rows = rows_of(path, [key, *(f"CLM_{name}" for name in SALESFORCE.values())], 100)
    for row in rows:
        check_told(row, "CLM_", SALESFORCE)
        demand(len(row["CLM_Reason__c"]) <= 255, "a reason of more than 255 characters")
        demand(is_day(row["CLM_Scored_On__c"]), "no date")
    check_unique([row[key] for row in rows])
    if rows:
        job = json.loads((path.parent / "job.json").read_text("utf-8"))
        asked = [job[name] for name in ("object", "operation", "externalIdFieldName", "contentType", "lineEnding")]
        demand(asked == ["Contact", "upsert", key, "CSV", "LF"], "another job")
    return rows


def read_members(path: Path, treated: set[str]) -> list[Row]:
    rows = rows_of(path, ["CampaignId", "Contact.CLM_Customer_Id__c", "Status"], 100)
    demand(all(re.fullmatch(r"701[A-Za-z0-9]{12}([A-Za-z0-9]{3})?", row["CampaignId"]) for row in rows), "no id")
    demand({row["Contact.CLM_Customer_Id__c"] for row in rows} <= treated, "a member who is not to be contacted")
    return rows


def read_klaviyo(path: Path) -> list[Row]:
    rows = rows_of(path, ["Email", *COLUMNS], 50)
    for row in rows:
        check_told(row, "clm_", NAMES)
        demand(is_address(row["Email"]), "no e-mail address")
        demand(re.fullmatch(r"\d{4}-\d{2}-\d{2} 00:00:00", row["clm_scored_on"]) is not None, "no date of Klaviyo's")
    check_unique([row["Email"].casefold() for row in rows])
    return rows


def _read_by_id(key: str, max_mb: float, max_lines: int | None) -> Callable[[Path], list[Row]]:
    def read(path: Path) -> list[Row]:
        rows = rows_of(path, [key, *COLUMNS], max_mb, max_lines)
        for row in rows:
            check_told(row, "clm_", NAMES)
            demand(is_day(row["clm_scored_on"]), "no ISO date")
        check_unique([row[key] for row in rows])
        return rows

    return read


MAILCHIMP = {
    "campaign": "CAMP", "group": "GROUP", "rank": "RANK", "risk": "RISK", "value": "VALUE", "segment": "SEG",
    "reason": "WHY", "scored_on": "DATE",
}  # fmt: skip


def read_mailchimp(path: Path) -> list[Row]:
    tags = [f"CLM{name}" for name in MAILCHIMP.values()]
    demand(all(len(tag) <= 10 and tag.isupper() for tag in tags), "a merge tag has ten letters")
    rows = rows_of(path, ["Email Address", *tags])
    for row in rows:
        check_told(row, "CLM", MAILCHIMP)
        demand(is_address(row["Email Address"]), "no e-mail address")
        demand(all(len(cell.encode()) <= 255 for cell in row.values()), "a text of more than 255 bytes")
        demand(is_day(row["CLMDATE"]), "no date")
    check_unique([row["Email Address"].casefold() for row in rows])
    return rows


def read_google_customer_match(path: Path) -> list[Row]:
    rows = rows_of(path, ["Email", "Phone", "Country"])
    for row in rows:
        demand(bool(row["Email"] or row["Phone"]), "nothing to match by")
        demand(all(_is_hash(row[name]) for name in ("Email", "Phone") if row[name]), "not hashed")
        demand(re.fullmatch(r"([A-Za-z]{2})?", row["Country"]) is not None, "country is plain, and a code")
    return rows


def read_meta_audience(path: Path) -> list[Row]:
    rows = rows_of(path, ["email", "phone", "country"])
    for row in rows:
        demand(bool(row["email"] or row["phone"]), "nothing to match by")
        demand(all(_is_hash(cell) for cell in row.values() if cell), "not hashed")
    return rows


def _is_hash(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def read_table(path: Path) -> list[Row]:
    """Read as a spreadsheet would that is told the encoding by the mark; it runs what begins like a formula."""
    raw = path.read_bytes()
    demand(raw.startswith(b"\xef\xbb\xbf"), "no byte order mark")
    header, *rows = cells_of(raw.removeprefix(b"\xef\xbb\xbf"))
    for cell in (cell for row in rows for cell in row):
        demand(not re.match(r"[=+@\t\r\n]|-(?![0-9.]+$)", cell), "a formula")
    return [dict(zip(header, row, strict=True)) for row in rows]


READERS: dict[str, Callable[[Path], list[Row]]] = {
    "table": read_table,
    "hubspot": read_hubspot,
    "salesforce": read_salesforce,
    "klaviyo": read_klaviyo,
    "braze": _read_by_id("external_id", 500, None),
    "bloomreach": _read_by_id("registered", 1000, 1_000_000),
    "mailchimp": read_mailchimp,
    "google_customer_match": read_google_customer_match,
    "meta_audience": read_meta_audience,
}


def read_all(folder: Path, name: str) -> dict[str, list[Row]]:
    """Read every file of rows that a destination was written, by role."""
    read, found = READERS[name], {}
    main = "customers" if name == "table" else "contact"
    for role, stem in (("contact", main), ("holdout", "holdout"), ("left", "left")):
        paths = sorted((folder / name).glob(f"{stem}*.csv"))
        found[role] = [row for path in paths for row in read(path)]
    return found
