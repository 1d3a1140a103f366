"""What the contact caused: intervals that hold what they promise, and a verdict in words and money.

It knows nothing of shops: any randomised experiment will do, as a frame with an arm and an outcome.
"""

from clm_ml.certainty import wilson
from clm_ml.measuring.adjusting import adjusted_difference
from clm_ml.measuring.arms import Arm, Pair, count_arm
from clm_ml.measuring.comparing import measure
from clm_ml.measuring.detecting import smallest_detectable_rise
from clm_ml.measuring.differing import Differing, ask_whether_they_differ, holm
from clm_ml.measuring.effects import Effect, Terms, compare
from clm_ml.measuring.frames import Columns, read_frame
from clm_ml.measuring.interim import Interim, watch_buyers
from clm_ml.measuring.intervals import Interval, newcombe, spend_difference, spread_of, z_of
from clm_ml.measuring.measured import Measured
from clm_ml.measuring.ratio import Ratio, check_ratio
from clm_ml.measuring.saving import SaveRate, brought_back, measure_save_rate
from clm_ml.measuring.together import put_together
from clm_ml.measuring.verdicts import Verdict

__all__ = [
    "Arm",
    "Columns",
    "Differing",
    "Effect",
    "Interim",
    "Interval",
    "Measured",
    "Pair",
    "Ratio",
    "SaveRate",
    "Terms",
    "Verdict",
    "adjusted_difference",
    "ask_whether_they_differ",
    "brought_back",
    "check_ratio",
    "compare",
    "count_arm",
    "holm",
    "measure",
    "measure_save_rate",
    "newcombe",
    "put_together",
    "read_frame",
    "smallest_detectable_rise",
    "spend_difference",
    "spread_of",
    "watch_buyers",
    "wilson",
    "z_of",
]
