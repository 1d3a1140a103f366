"""What is learned, and the bundle it travels in: text and numbers, no pickle."""

from clm_ml.model.bundle import Model, learn, load_model, save_model
from clm_ml.model.partner import RFM_COLUMNS, fit_partner
from clm_ml.model.probability import fit_probability

__all__ = ["RFM_COLUMNS", "Model", "fit_partner", "fit_probability", "learn", "load_model", "save_model"]
