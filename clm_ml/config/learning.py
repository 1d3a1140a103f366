"""What is predicted, when silence counts as lapsed, and how the models learn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from clm_ml.config.frozen import Frozen
from clm_ml.config.kinds import Day, Days, Number, SomeDays, Text, Whole

__all__ = ["Lapse", "Task", "Train", "UpliftPlan"]

_MOST_SEED = 2**31 - 1


class Task(Frozen):
    """What is predicted."""

    horizon_days: Days = Field(90, description="Churned means: no order in this many days from as_of on.")
    active_days: Days = Field(365, description="Models are judged on customers who ordered in the last … days.")
    windows_days: tuple[Days, ...] = Field((7, 30, 90, 180, 365), description="The lookback windows of the features.")

    @field_validator("windows_days")
    @classmethod
    def _are_increasing(cls, windows: tuple[int, ...]) -> tuple[int, ...]:
        if not windows or list(windows) != sorted(set(windows)):
            raise ValueError("windows_days must be increasing and without repeats")
        return windows


class Lapse(Frozen):
    """When a customer counts as lapsed, measured in their own expected gap between orders."""

    after_gaps: Annotated[Number, Field(gt=0)] = Field(2.0, description="Lapsed (just stopped) from this many gaps on.")
    gone_after_gaps: Annotated[Number, Field(gt=0)] = Field(4.0, description="Gone from this many gaps on.")
    at_least_days: SomeDays = Field(14, description="Nobody is lapsed before this many days.")

    @model_validator(mode="after")
    def _are_ordered(self) -> Lapse:
        if self.gone_after_gaps < self.after_gaps:
            raise ValueError("gone_after_gaps must not be smaller than after_gaps")
        return self


class Train(Frozen):
    """How the models learn."""

    as_ofs: Literal["auto"] | tuple[Day, ...] = Field(
        "auto", description="The days to learn from; auto: every closed one, step_days apart, newest first."
    )
    step_days: Days = Field(14, description="Days between automatic as_ofs, at least; whole weeks keep the weekday.")
    most_as_ofs: Annotated[Whole, Field(ge=2)] = Field(24, description="At most so many automatic as_ofs.")
    at_least_history_days: Days = Field(45, description="History that must lie before the first as_of.")
    max_examples: Annotated[Whole, Field(ge=1000)] = Field(
        2_000_000, description="Above this, a deterministic sample of customers is learned from."
    )
    attributes: tuple[Text, ...] = Field(
        (),
        description="Columns of the customer table to learn from, such as country: only what was known of a customer "
        "from the start, since that table tells of no earlier day. Values of fewer than 50 customers teach nothing.",
    )
    fairness: tuple[Text, ...] = Field(
        (),
        description="Columns of the customer table, such as country or age_band, over whose values the model card "
        "compares how the model does; it learns nothing from them.",
    )
    fairness_at_least: Annotated[Whole, Field(ge=20)] = Field(
        50, description="Groups of fewer customers are not told of in the model card."
    )
    seed: Annotated[Whole, Field(ge=0, le=_MOST_SEED)] = Field(
        1, description="Seed of everything drawn while learning."
    )


class UpliftPlan(Frozen):
    """How it is learned who can be persuaded, and when that is believed."""

    learner: Literal["auto", "x", "t", "response"] = Field(
        "auto",
        description="x: X-learner over trees; t: two regressions' difference; response: who orders if contacted; auto: "
        "whichever led on the folds before.",
    )
    folds: Annotated[Whole, Field(ge=3, le=20)] = Field(
        5, description="Parts that are judged one after the other, each by what was learned from those before it."
    )
    least_z: Annotated[Number, Field(gt=0)] = Field(
        2.33, description="Uplift is used only if its gain over chance order is so many standard errors above zero."
    )
