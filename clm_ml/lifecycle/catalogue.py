"""What a KPI is, and the list of all of them: one definition for its name, its unit, its words and its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from clm_ml.lifecycle.needs import WHOLE_YEAR

__all__ = ["ALL", "NEWCOMER", "Kpi", "groups_of", "kpi_catalogue"]

#: Everybody; and who was not known when the period began.
ALL, NEWCOMER = "all", "newcomer"

_MINOR = 100.0

#: Whom a KPI can be told of: any group; all and groups of customers; these, but not all; all and visitors; or all.
Whom = Literal["anyone", "customers", "arrivals", "visitors", "everybody"]


def groups_of(phases: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """List the groups that are told, in their order, by what they are told by.

    Args:
        phases: the segments, each with its phase.

    >>> groups_of({"window_shopper": "acquisition", "regular": "retention"})["segment"]
    ('all', 'window_shopper', 'regular', 'newcomer')
    """
    return {
        "phase": (ALL, *dict.fromkeys(phases.values()), NEWCOMER),
        "segment": (ALL, *phases, NEWCOMER),
        "period": (ALL,),
    }


@dataclass(frozen=True)
class Kpi:
    """A number about the people of a group in a period.

    Attributes:
        name: what it is called.
        unit: of its value; money stands for the config's currency.
        meaning: its definition in words.
        total: the sum that is divided.
        of: the sum it is divided by, which is told beside it.
        per: how many of the total's units make one of the value's.
        is_mean: whether the total is divided at all.
        counted: the count that is told beside it, if it is not what it is divided by.
        needs: keys of the config that give its input, each of which must be there; "a or b" is one of several.
        whom: which groups it can be told of.
    """

    name: str
    unit: str
    meaning: str
    total: str
    of: str
    per: float = 1.0
    is_mean: bool = True
    counted: str | None = None
    needs: tuple[str, ...] = ()
    whom: Whom = "anyone"

    def is_told_of(self, group: str, phase: str | None) -> bool:
        """Say whether it can be told of a group, of which `phase` is the phase; None is all, or newcomers."""
        if group == ALL:
            return self.whom != "arrivals"
        if self.whom == "visitors":
            return phase == "acquisition"
        if self.whom in ("customers", "arrivals"):
            return phase not in (None, "acquisition")
        return self.whom == "anyone"


def kpi_catalogue() -> tuple[Kpi, ...]:
    """List the KPIs, in the order of the lifecycle.

    >>> [kpi.name for kpi in kpi_catalogue()][:3]
    ['conversion_rate', 'first_order_rate', 'cost_per_acquisition']
    """
    event, told, columns = "tables.events.meanings.", "tables.events.columns.", "tables.orders.columns."
    return (
        Kpi("conversion_rate", "share", "of those who were known and elsewhere when the period began, who were in this phase or segment when it ended", "came", "elsewhere", whom="arrivals"),
        Kpi("first_order_rate", "share", "of the visitors when the period began, who first ordered in it", "won", "visitors", needs=("tables.events or tables.customers.columns.created_at",), whom="visitors"),
        Kpi("cost_per_acquisition", "money", "what marketing cost in the period, for each customer whose first order was in it", "spent_minor", "first_ordered", _MINOR, needs=("tables.spend",), whom="everybody"),
        Kpi("lead_response_rate", "share", "of the leads of the period, those answered before it ended", "leads_answered", "leads", needs=(event + "lead", event + "first_response")),
        Kpi("lead_response_time", "hours", "mean time from a lead of the period to its first response, of those answered before it ended", "response_seconds", "leads_answered", 3600.0, needs=(event + "lead", event + "first_response")),
        Kpi("total_value", "money", "amount of the period, after returns; of so many orders", "net_minor", "orders", _MINOR, is_mean=False),
        Kpi("average_order_value", "money", "amount of the period, before returns, for each order that began in it", "gross_minor", "orders", _MINOR),
        Kpi("contract_value", "money", "mean amount, after returns, that a customer who ordered in the 365 days before the period's end brought in them", "year_minor", "ordered_in_year", _MINOR, needs=(WHOLE_YEAR,)),
        Kpi("lifetime_value", "money", "mean amount, after returns, that a customer has brought by the period's end", "ever_minor", "customers", _MINOR),
        Kpi("retention_rate", "share", "of the customers whose last order was within active_days when the period began, who ordered in it", "stayed", "active", whom="customers"),
        Kpi("churn_rate", "share", "of the customers whose last order was within active_days when the period began, who did not order in it", "left", "active", whom="customers"),
        Kpi("repeat_rate", "share", "of the customers who ordered in the period, who did so on more than one day", "ordered_again", "ordered"),
        Kpi("cross_sell_rate", "share", "of the customers who ordered before and in the period, who bought in a category new to them", "crossed", "ordered_before_too", needs=(columns + "category",), whom="customers"),
        Kpi("satisfaction", "rating", "mean value of the period's satisfaction events", "satisfaction_sum", "satisfaction_rated", 100.0, needs=(event + "satisfaction", told + "value")),
        Kpi("review", "rating", "mean value of the period's reviews", "review_sum", "review_rated", 100.0, needs=(event + "review", told + "value")),
        Kpi("engagement_time", "seconds", "time spent on events of the period that have a duration, for each person with one", "engaged_ms", "engaged", 1000.0, needs=(told + "duration_seconds",)),
        Kpi("revenue_concentration", "share", "of what the customers who ordered in the period brought in it, before returns, the part of the fifth that brought most", "top_fifth_minor", "brought_minor", counted="ordered"),
    )  # fmt: skip
