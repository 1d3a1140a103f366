"""Whom never to list: a file of customer ids, of e-mail addresses, or of SHA-256 hashes of these.

Addresses are hashed as they are read, in the form in which vendors hash them, so that none is held or shown.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from clm_ml.config import Config
from clm_ml.destinations import hash_email
from clm_ml.errors import ConfigError
from clm_ml.tables import Tables

__all__ = ["Suppressed", "find_suppressed"]

Kind = Literal["customer_id", "email", "sha256"]

_ADDRESSES: tuple[Kind, ...] = ("email", "sha256")
_WORDS: dict[Kind, str] = {"customer_id": "customer ids", "email": "e-mail addresses", "sha256": "hashed addresses"}
_HEADERS: dict[str, Kind] = {
    "customer_id": "customer_id",
    **dict.fromkeys(("email", "e-mail", "email_address", "email address"), "email"),
    **dict.fromkeys(("sha256", "email_sha256", "sha256_email", "hashed_email", "email_hash"), "sha256"),
}
_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True)
class Suppressed:
    """The customers never to list, and what the file that names them was taken for.

    `rows` counts the different values by kind (customer_id, email, sha256), `found` those of them that are some
    customer's address: of ids only scores tell who is there.
    """

    customers: frozenset[str] = field(default=frozenset(), repr=False)
    rows: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)

    def told(self) -> str:
        """Say what the file holds; nothing if there is none, or nothing in it.

        >>> Suppressed(rows={"customer_id": 5, "sha256": 1200}, found={"sha256": 990}).told()
        "customer ids 5, hashed addresses 1,200 (990 of them customers')"
        """
        kinds = [kind for kind in _WORDS if self.rows.get(kind)]
        known = {kind: f" ({self.found[kind]:,} of them customers')" for kind in kinds if kind in self.found}
        return ", ".join(f"{_WORDS[kind]} {self.rows[kind]:,}{known.get(kind, '')}" for kind in kinds)

    def facts(self) -> dict[str, Any]:
        """Tell the counts as plain data, for manifests."""
        return {"rows": dict(self.rows), "found": dict(self.found)}


def find_suppressed(config: Config, tables: Tables) -> Suppressed:
    """Read whom never to list: nobody if `list.suppress` names no file.

    A first line that names columns (`customer_id` or the shop's own word for it, `email`, `email_sha256`) says which
    cells count. Otherwise every line is one customer: 64 hexadecimal digits are a hash and what looks like an address
    is one, but a customer_id of those very letters is suppressed too. Hashes are of the stripped, lower-case address;
    all customers who share one are meant.

    Raises:
        ConfigError: if the file cannot be read as one, or has addresses and the shop maps none.
    """
    if config.list.suppress is None:
        return Suppressed()
    path = config.path(config.list.suppress)
    values: dict[Kind, set[str]] = defaultdict(set)
    ids: set[str] = set()
    for kind, cell, by_shape in _cells(path, config):
        values[kind].add(_as_hash(kind, cell))
        if kind == "customer_id" or by_shape:
            ids |= {cell, cell.strip()}
    asked = {kind: values[kind] for kind in _ADDRESSES if values[kind]}
    if asked and (tables.customers is None or "email" not in tables.customers.collect_schema().names()):
        raise ConfigError(
            f"list.suppress: {path} has {_WORDS[next(iter(asked))]}, and tables.customers maps no email to find them "
            "by; map it, or call the file's column customer_id if these are ids."
        )
    owners = _owners(set().union(*asked.values()), tables) if asked else {}
    return Suppressed(
        frozenset(ids.union(*owners.values())),
        {kind: len(known) for kind, known in values.items() if known},
        {kind: len(hashes & owners.keys()) for kind, hashes in asked.items()},
    )


def _as_hash(kind: Kind, cell: str) -> str:
    return cell.strip() if kind == "customer_id" else cell.strip().lower() if kind == "sha256" else hash_email(cell)


def _cells(path: Path, config: Config) -> Iterator[tuple[Kind, str, bool]]:
    """Give each cell that counts, what it is, and whether only its shape says so."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"list.suppress: {path} cannot be read; nobody is listed without it.") from None
    header, _, _ = text.partition("\n")
    for separator in ",;\t":
        kinds = [_kind_of(name, config) for name in header.strip().split(separator)]
        if any(kinds):
            yield from ((kind, cell, False) for kind, cell in _of_columns(path, text, separator, kinds))
            return
    for line in text.split("\n"):
        if (cell := line.removesuffix("\r")).strip():
            shape: Kind = "sha256" if _HASH.fullmatch(cell.strip()) else "customer_id"
            yield ("email" if _ADDRESS.fullmatch(cell.strip()) else shape), cell, True


def _kind_of(name: str, config: Config) -> Kind | None:
    """Say what a column of this name holds, in the shop's own words or in ours; None if its cells do not count."""
    word = name.strip().strip('"').strip()
    people = config.tables.customers or config.tables.orders
    own: dict[str, Kind] = {people.columns[kind]: kind for kind in ("customer_id", "email") if kind in people.columns}
    return own.get(word) or _HEADERS.get(word.lower())


def _of_columns(path: Path, text: str, separator: str, kinds: list[Kind | None]) -> Iterator[tuple[Kind, str]]:
    rows: Any = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in rows:
            if rows.line_num == 1 or not row:
                continue
            if len(row) != len(kinds):
                raise _bad(path, rows.line_num, f"has {len(row)} cells, where the first line names {len(kinds)}")
            for kind, cell in zip(kinds, row, strict=True):
                if kind == "sha256" and cell.strip() and not _HASH.fullmatch(cell.strip()):
                    raise _bad(path, rows.line_num, "has no SHA-256 hash, which is 64 hexadecimal digits")
                if kind is not None and cell.strip():
                    yield kind, cell
    except csv.Error:
        raise _bad(path, rows.line_num, "is no line of a CSV") from None


def _bad(path: Path, line: int, why: str) -> ConfigError:
    return ConfigError(f"list.suppress: {path}:{line} {why}; mend it: nobody is listed without it.")


def _owners(hashes: set[str], tables: Tables) -> dict[str, set[str]]:
    """Find whose addresses these are the hashes of."""
    assert tables.customers is not None
    owners: dict[str, set[str]] = defaultdict(set)
    for batch in tables.engine.batches(tables.customers.select("customer_id", "email")):
        for customer, email in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if email is not None and (hashed := hash_email(email)) in hashes:
                owners[hashed].add(customer)
    return owners
