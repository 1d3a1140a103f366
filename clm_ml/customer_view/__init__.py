"""The single customer view: what is gathered of one customer, and how it is told."""

from clm_ml.customer_view.habits import habits
from clm_ml.customer_view.happened import contacts_made, favourites, service, time_line
from clm_ml.customer_view.history import segment_history
from clm_ml.customer_view.person import Permission, channel_trouble, find_permission, who
from clm_ml.customer_view.rows import Known, known_rows
from clm_ml.customer_view.telling import Part
from clm_ml.customer_view.view import CustomerView

__all__ = [
    "CustomerView", "Known", "Part", "Permission", "channel_trouble", "contacts_made", "favourites", "find_permission",
    "habits", "known_rows", "segment_history", "service", "time_line", "who",
]  # fmt: skip
