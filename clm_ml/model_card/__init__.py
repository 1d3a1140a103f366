"""The model card: what a model is made of and for, how good it is and for whom, and how it is retired, for people."""

from clm_ml.model_card.groups import Group, compare_groups
from clm_ml.model_card.writing import Subject, write_card

__all__ = ["Group", "Subject", "compare_groups", "write_card"]
