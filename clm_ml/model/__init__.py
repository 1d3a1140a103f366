"""What is learned, and the bundle it travels in: text and numbers, no pickle."""

from clm_ml.model.ahead import BECOMES, ahead_columns
from clm_ml.model.box import BOX_KIND, About, load_model, read_about, save_model
from clm_ml.model.bundle import Model, may_be_null
from clm_ml.model.drivers import risk_drivers
from clm_ml.model.learning import learn
from clm_ml.model.next_order import QUANTILES, pinball
from clm_ml.model.next_segment import Lifecycle
from clm_ml.model.partner import fit_partner
from clm_ml.model.prior import Prior, fit_prior
from clm_ml.model.reasons import REASONS
from clm_ml.model.tuning import Trial, Tuned, tune

__all__ = [
    "BECOMES", "BOX_KIND", "QUANTILES", "REASONS", "About", "Lifecycle", "Model", "Prior", "Trial", "Tuned",
    "ahead_columns", "fit_partner", "fit_prior", "learn", "load_model", "may_be_null", "pinball", "read_about",
    "risk_drivers", "save_model", "tune",
]  # fmt: skip
