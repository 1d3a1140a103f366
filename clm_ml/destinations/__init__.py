"""The files an export writes: one YAML a destination, one writer."""

from clm_ml.destinations.delivery import DIGESTS, Outcome, write_destination
from clm_ml.destinations.fields import CONTACT_FIELDS, cleared
from clm_ml.destinations.finding import find_destination, find_destinations, yaml_of
from clm_ml.destinations.forgetting import TakenOut, take_out_of_csv, take_out_of_list
from clm_ml.destinations.refusing import is_like_a_formula
from clm_ml.destinations.rows import Order
from clm_ml.destinations.schema import Destination
from clm_ml.destinations.state import forget_delivered, forget_people, key_of, read_state, remember
from clm_ml.destinations.steps import hash_email
from clm_ml.destinations.writing import write_csv

__all__ = [
    "CONTACT_FIELDS",
    "DIGESTS",
    "Destination",
    "Order",
    "Outcome",
    "TakenOut",
    "cleared",
    "find_destination",
    "find_destinations",
    "forget_delivered",
    "forget_people",
    "hash_email",
    "is_like_a_formula",
    "key_of",
    "read_state",
    "remember",
    "take_out_of_csv",
    "take_out_of_list",
    "write_csv",
    "write_destination",
    "yaml_of",
]
