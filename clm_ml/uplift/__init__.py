"""Who would change their mind: learned from randomised campaigns, and used only once it is proved.

It knows nothing of shops: any randomised experiment will do, as a frame with features, an arm and an outcome.
"""

from clm_ml.uplift.box import BOX_KIND, load_uplift, save_uplift
from clm_ml.uplift.learning import learn_uplift
from clm_ml.uplift.uplift import Gate, Uplift

__all__ = ["BOX_KIND", "Gate", "Uplift", "learn_uplift", "load_uplift", "save_uplift"]
