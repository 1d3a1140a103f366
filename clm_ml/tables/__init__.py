"""The front door: read, map columns, validate; what is rejected is kept with its reason.

Every row read is either used or quarantined, and the counts say so. Behind this door ids are text, time is
whole days and seconds in the business time zone, and money is whole hundredths of the currency.
"""

from clm_ml.tables.forgotten import Forgotten, read_forgotten, remember_forgotten
from clm_ml.tables.one_customer import find_known, read_customer, refuse_unknown
from clm_ml.tables.reading import read_tables
from clm_ml.tables.validated import Counts, Doubt, Earlier, Tables, counts_html

__all__ = [
    "Counts",
    "Doubt",
    "Earlier",
    "Forgotten",
    "Tables",
    "counts_html",
    "find_known",
    "read_customer",
    "read_forgotten",
    "read_tables",
    "refuse_unknown",
    "remember_forgotten",
]
