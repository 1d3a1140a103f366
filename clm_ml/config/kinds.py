"""What kinds of values a project's YAML has, and how large they may be."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

__all__ = ["MOST_DAYS", "Day", "Days", "Number", "Share", "SomeDays", "Text", "Whole"]


def _as_day(value: Any) -> Any:
    """Take a day only as YYYY-MM-DD, so that no number passes for one."""
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return date.fromisoformat(value)
    raise ValueError("a day is written YYYY-MM-DD, as in 2011-12-10")


#: More than anybody means; beyond them calendars end, and so do the whole numbers of what we write to.
MOST_DAYS = 36_500

Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Share = Annotated[Number, Field(ge=0, le=1)]
Days = Annotated[Whole, Field(ge=1, le=MOST_DAYS)]
SomeDays = Annotated[Whole, Field(ge=0, le=MOST_DAYS)]
Text = Annotated[str, Field(min_length=1)]
Day = Annotated[date, BeforeValidator(_as_day)]
