"""From where on a difference between training and now is told, and from where on it is an alarm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from clm_ml.config.frozen import Frozen
from clm_ml.config.kinds import Days, Number

__all__ = ["Monitor"]

Above = Annotated[Number, Field(gt=0)]
Times = Annotated[Number, Field(gt=1)]
Share = Annotated[Number, Field(gt=0, lt=1)]

#: What has a border for being told and another for being an alarm.
_PAIRS = (
    "psi",
    "rate",
    "missing_days",
    "missing_share",
    "late_share",
    "rejected",
    "new_value",
    "level",
    "auc",
    "slope",
    "ece",
)


class Monitor(Frozen):
    """What counts as drift; whatever chance or an ordinary month does is left out before."""

    psi_notice: Above = Field(
        0.1, description="Told is a feature, score or attribute from this population stability index (PSI) on."
    )
    psi_alarm: Above = Field(0.25, description="An alarm from this PSI on.")
    rate_notice: Times = Field(
        1.25, description="Told is a table or event type with so many times as many rows, or few."
    )
    rate_alarm: Times = Field(1.5, description="An alarm from so many times on.")
    missing_days_notice: Days = Field(
        2, description="Told is a table whose last row lies so many days farther back than its longest silence so far."
    )
    missing_days_alarm: Days = Field(4, description="An alarm from so many days on.")
    missing_share_notice: Share = Field(
        0.4,
        description="Told is a table of whose last three days so large a share of rows is missing, against the same "
        "weekdays of the four weeks before.",
    )
    missing_share_alarm: Share = Field(0.6, description="An alarm from this share on.")
    late_share_notice: Share = Field(
        0.05,
        description="Told is a share of rows that arrived later than usual, from this on; loaded_at must be mapped.",
    )
    late_share_alarm: Share = Field(0.2, description="An alarm from this share on.")
    rejected_notice: Share = Field(0.02, description="Told is a reason that rejects so large a share of rows more.")
    rejected_alarm: Share = Field(0.05, description="An alarm from this share on.")
    new_value_notice: Share = Field(
        0.01,
        description="Told is a value of an attribute, such as a country, that training hardly knew, from this share.",
    )
    new_value_alarm: Share = Field(0.03, description="An alarm from this share on.")
    level_notice: Times = Field(
        1.1, description="Told is an order rate so many times what was predicted, or the other way round."
    )
    level_alarm: Times = Field(1.25, description="An alarm from so many times on.")
    auc_notice: Above = Field(0.03, description="Told is an AUC so far below the one of training.")
    auc_alarm: Above = Field(0.06, description="An alarm from so far below on.")
    slope_notice: Times = Field(1.25, description="Told is a calibration slope above this, or below one over it.")
    slope_alarm: Times = Field(1.6, description="An alarm from so far on.")
    ece_notice: Above = Field(
        0.03, description="Told is a calibration error (ECE) so far above what its level explains."
    )
    ece_alarm: Above = Field(0.06, description="An alarm from so far above on.")
    unit_times: Times = Field(
        5.0,
        description="A drift by which the typical value became so many times larger or smaller looks like a new unit.",
    )
    ordinary_times: Annotated[Number, Field(ge=1)] = Field(
        1.5, description="What two days of training as far apart differed by is ordinary, up to so many times."
    )
    chance: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        0.001, description="Probability with which chance alone may exceed what is granted to it, for each comparison."
    )
    recent_days: Days = Field(28, description="Rows of so many days are counted; whole weeks keep the weekdays.")
    attributes: Literal["auto"] | tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        "auto",
        description="Columns of the customer table whose values are compared; auto: country, train.attributes and "
        "train.fairness.",
    )

    @model_validator(mode="after")
    def _tells_before_it_alarms(self) -> Monitor:
        for name in _PAIRS:
            if getattr(self, f"{name}_notice") > getattr(self, f"{name}_alarm"):
                raise ValueError(f"{name}_notice must not be above {name}_alarm")
        return self
