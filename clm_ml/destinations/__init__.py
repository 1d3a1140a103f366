"""The files an export writes: one YAML a destination, one writer."""

from clm_ml.destinations.writing import DESTINATIONS, write_csv, write_destination

__all__ = ["DESTINATIONS", "write_csv", "write_destination"]
