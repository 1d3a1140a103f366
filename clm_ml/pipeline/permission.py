"""Who may be contacted at all: consent from the customer table, and the file of those never to list."""

from __future__ import annotations

import pandas as pd

from clm_ml.config import Config
from clm_ml.errors import ConfigError
from clm_ml.tables import Tables

__all__ = ["find_consent", "find_suppressed"]


def find_consent(tables: Tables) -> pd.DataFrame | None:
    """Read what customers have allowed: `customer_id`, and `may_contact` and `may_profile` where they are mapped.

    None where neither is: the shop keeps no consent.
    """
    if tables.customers is None:
        return None
    names = tables.customers.collect_schema().names()
    claims = [name for name in ("may_contact", "may_profile") if name in names]
    if not claims:
        return None
    return tables.engine.collect(tables.customers.select("customer_id", *claims), "customer_id").to_pandas()


def find_suppressed(config: Config) -> set[str]:
    """Read whom never to list: nobody if `list.suppress` names no file.

    Raises:
        ConfigError: if the file cannot be read.
    """
    if config.list.suppress is None:
        return set()
    path = config.path(config.list.suppress)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"list.suppress: {path} cannot be read; nobody is listed without it.") from None
    return {line.strip() for line in lines if line.strip()}
