"""One YAML, one frozen `Config`; every default of the project lives here.

What is asked is in the YAML; when and where are on the command line. Unknown keys are refused, and every
refusal names the file and the line. Relative paths are read from the folder the YAML lies in, so a project
can be run from anywhere.
"""

from clm_ml.config.campaigns import Delivery, ListPlan, MaxContacts, Measure, PlayPlan
from clm_ml.config.contract import CHANNELS, COLUMNS, DESTINATIONS, MEANINGS, RATED
from clm_ml.config.inputs import Inputs
from clm_ml.config.learning import Lapse, Task, Train, UpliftPlan
from clm_ml.config.monitor import Monitor
from clm_ml.config.printing import commented
from clm_ml.config.reading import load_config, read_yaml
from clm_ml.config.schema import Config, ReportPlan, Tracking
from clm_ml.config.segments import (
    ORDERS,
    STATES,
    TIERS,
    USUAL_SEGMENTS,
    SegmentRule,
    SegmentRules,
    combinations,
    read_segment_rules,
)
from clm_ml.config.sources import Contacts, Events, Table

__all__ = [
    "CHANNELS",
    "COLUMNS",
    "DESTINATIONS",
    "MEANINGS",
    "ORDERS",
    "RATED",
    "STATES",
    "TIERS",
    "USUAL_SEGMENTS",
    "Config",
    "Contacts",
    "Delivery",
    "Events",
    "Inputs",
    "Lapse",
    "ListPlan",
    "MaxContacts",
    "Measure",
    "Monitor",
    "PlayPlan",
    "ReportPlan",
    "SegmentRule",
    "SegmentRules",
    "Table",
    "Task",
    "Tracking",
    "Train",
    "UpliftPlan",
    "combinations",
    "commented",
    "load_config",
    "read_segment_rules",
    "read_yaml",
]
