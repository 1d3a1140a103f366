"""The whole page, from what was read."""

from __future__ import annotations

from dataclasses import dataclass, field

from clm_ml.report.drifting import drifting
from clm_ml.report.earning import earning
from clm_ml.report.judging import judging
from clm_ml.report.listing import listing
from clm_ml.report.material import Material
from clm_ml.report.moving import moving
from clm_ml.report.page import lay_out
from clm_ml.report.quality import quality
from clm_ml.report.reading import reading
from clm_ml.report.risking import risking
from clm_ml.report.standing import standing
from clm_ml.report.summary import headline, summary
from clm_ml.report.words import day

__all__ = ["Page", "write_page"]

_SECTIONS = (summary, standing, moving, risking, listing, earning, judging, quality, drifting, reading)


@dataclass(frozen=True)
class Page:
    """A page, and the one thing to know."""

    headline: str
    html: str = field(repr=False)


def write_page(material: Material) -> Page:
    """Write the page of what was read; the same material gives the same bytes."""
    told = headline(material)
    title = f"Customers of {material.config.project}, {material.as_of}"
    under = f"{material.config.project} · as of {day(material.as_of)} · looking {material.horizon_days} days ahead"
    return Page(told, lay_out(title, under, told, [section(material) for section in _SECTIONS]))
