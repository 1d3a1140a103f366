"""The whole page, from what was read."""

from __future__ import annotations

from dataclasses import dataclass, field

from clm_ml.report_page.drifting import drifting
from clm_ml.report_page.earning import earning
from clm_ml.report_page.judging import judging
from clm_ml.report_page.listing import listing
from clm_ml.report_page.material import Material
from clm_ml.report_page.moving import moving
from clm_ml.report_page.page import lay_out
from clm_ml.report_page.quality import quality
from clm_ml.report_page.reading import reading
from clm_ml.report_page.risking import risking
from clm_ml.report_page.standing import standing
from clm_ml.report_page.summary import headline, summary
from clm_ml.report_page.words import day

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
