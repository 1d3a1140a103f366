"""Customers who buy till they leave, unseen: how likely they are still there, order again, when, and for how much."""

from clm_ml.btyd.bg_nbd import BgNbd, MbgNbd, fit_bg_nbd, fit_mbg_nbd
from clm_ml.btyd.gamma_gamma import GammaGamma, fit_gamma_gamma
from clm_ml.btyd.histories import Histories, collect_histories
from clm_ml.btyd.pareto_nbd import ParetoNbd, fit_pareto_nbd

__all__ = [
    "BgNbd",
    "GammaGamma",
    "Histories",
    "MbgNbd",
    "ParetoNbd",
    "collect_histories",
    "fit_bg_nbd",
    "fit_gamma_gamma",
    "fit_mbg_nbd",
    "fit_pareto_nbd",
]
