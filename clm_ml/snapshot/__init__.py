"""The airlock: the world as known when as_of began.

`prepare` reads the raw rows once and puts orders together; `take_snapshot` cuts all off at an as_of. What
is handed on holds no row of the as_of's day or later, nor one that was loaded only then: a feature builder
cannot see the future, because the future is not in it.
"""

from clm_ml.snapshot.airlock import Snapshot, in_parts, only, orders_known_by, refuse_unknowable, take_snapshot
from clm_ml.snapshot.contacts import ANSWER_DAYS, HELD_OUT
from clm_ml.snapshot.preparing import Before, Prepared, name_of_attribute, prepare

__all__ = [
    "ANSWER_DAYS", "HELD_OUT", "Before", "Prepared", "Snapshot", "in_parts", "name_of_attribute", "only",
    "orders_known_by", "prepare", "refuse_unknowable", "take_snapshot",
]  # fmt: skip
