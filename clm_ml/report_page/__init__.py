"""What people look at: one self-contained page, written from boxes."""

from clm_ml.report_page.counting import Counted, columns_of, count_scores
from clm_ml.report_page.material import ListMade, Material, Measurement, Moved
from clm_ml.report_page.writing import Page, write_page

__all__ = [
    "Counted", "ListMade", "Material", "Measurement", "Moved", "Page", "columns_of", "count_scores", "write_page",
]  # fmt: skip
