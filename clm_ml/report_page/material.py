"""What a page is written from: what was read out of boxes, and nothing of anybody who is on no list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.colors import to_hex

from clm_ml.config import Config
from clm_ml.model import About
from clm_ml.plots import segment_colours
from clm_ml.report_page.counting import Counted

__all__ = ["ListMade", "Material", "Measurement", "Moved"]


@dataclass(frozen=True)
class ListMade:
    """A list box: its manifest's facts, and everybody to contact, in the order of their ranks."""

    facts: Mapping[str, Any]
    contact: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Measurement:
    """A campaign measured: its facts, and a row for all, each play and each segment."""

    facts: Mapping[str, Any]
    effects: pd.DataFrame = field(repr=False)


@dataclass(frozen=True)
class Moved:
    """A transitions box: who moved over the horizon before as_of, and the forecast of sizes if a model made one."""

    facts: Mapping[str, Any]
    moves: Mapping[str, int]
    observed: pd.DataFrame = field(repr=False)
    forecast: pd.DataFrame | None = field(repr=False)


@dataclass(frozen=True)
class Material:
    """Everything a page may tell.

    Attributes:
        config: the project.
        facts: of the scores' manifest.
        counted: the scores.
        about: what the model's box tells; None if it is not to be had, and `no_model` then says why.
        lists, measured, moved: what was given of each.
        monitored: what `clm-ml monitor` found; None if it was not given.
        people: contact fields by customer_id, if they are to be shown.
        rows: so many customers of each list are shown.
    """

    config: Config
    facts: Mapping[str, Any]
    counted: Counted = field(repr=False)
    about: About | None = field(repr=False)
    no_model: str = ""
    lists: tuple[ListMade, ...] = field(default=(), repr=False)
    measured: tuple[Measurement, ...] = field(default=(), repr=False)
    moved: Moved | None = field(default=None, repr=False)
    monitored: Mapping[str, Any] | None = field(default=None, repr=False)
    people: pd.DataFrame | None = field(default=None, repr=False)
    rows: int = 0

    @property
    def as_of(self) -> str:
        """The scores' ISO day."""
        return str(self.facts["as_of"])

    @property
    def horizon_days(self) -> int:
        """How far ahead the scores look."""
        return int(self.facts["model"]["facts"]["horizon_days"])

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return self.config.currency

    @property
    def colours(self) -> dict[str, str]:
        """Each segment's colour."""
        return {name: to_hex(colour) for name, colour in segment_colours(self.config.segments.phases).items()}
