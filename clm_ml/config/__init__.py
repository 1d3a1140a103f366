"""One YAML, one frozen `Config`; every default of the project lives here.

What is asked is in the YAML; when and where are on the command line. Unknown keys are refused, and every
refusal names the file and the line. Relative paths are read from the folder the YAML lies in, so a project
can be run from anywhere.
"""

from clm_ml.config.contract import COLUMNS, DESTINATIONS, MEANINGS, RATED
from clm_ml.config.inputs import Inputs
from clm_ml.config.printing import commented
from clm_ml.config.reading import load_config, read_yaml
from clm_ml.config.schema import (
    Config,
    Delivery,
    Events,
    Lapse,
    ListPlan,
    Table,
    Task,
    Tracking,
    Train,
)

__all__ = [
    "COLUMNS",
    "DESTINATIONS",
    "MEANINGS",
    "RATED",
    "Config",
    "Delivery",
    "Events",
    "Inputs",
    "Lapse",
    "ListPlan",
    "Table",
    "Task",
    "Tracking",
    "Train",
    "commented",
    "load_config",
    "read_yaml",
]
