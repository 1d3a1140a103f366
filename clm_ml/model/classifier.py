"""The probability of an order as a scikit-learn classifier, for pipelines, grids and comparisons of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from clm_ml.model.probability import fit_probability

__all__ = ["OrderClassifier"]

Floats = np.ndarray[Any, np.dtype[np.float64]]


class OrderClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns whether an order comes: the trees of the churn model on any numbers, calibrated out of time.

    Null values are facts like others. Of two classes the greater stands for an order: 1, True. Given the day of each
    row (`as_of`), the slope of the log-odds is found on the later days by what the earlier ones taught. Where one class
    has fewer than 25 rows there is nothing to learn but its rate.

    Args:
        seed: of the trees.
        signs: by column name, whether the probability may only rise (1) or only fall (-1) with it.

    >>> import numpy as np
    >>> silence = np.arange(400.0).reshape(-1, 1)
    >>> learned = OrderClassifier().fit(silence, silence.ravel() < 200)
    >>> learned.predict([[10.0], [390.0]]).tolist()
    [True, False]
    """

    def __init__(self, *, seed: int = 1, signs: Mapping[str, int] | None = None) -> None:
        self.seed = seed
        self.signs = signs

    def fit(self, X: Any, y: Any, as_of: Any = None) -> OrderClassifier:  # noqa: N803
        """Learn from rows of numbers.

        Args:
            X: one row an example.
            y: two classes.
            as_of: the day of each row; without it all are of one day, and nothing is calibrated.

        Raises:
            ValueError: if there are not two classes, or what scikit-learn refuses of any classifier.
        """
        values, label = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(label)
        self.classes_, ordered = np.unique(label, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                f"Only binary classification is supported: y must have 2 classes; found {len(self.classes_)} class(es)."
            )
        days = np.zeros(len(values), dtype=np.int64) if as_of is None else np.asarray(as_of)
        earliest_first = np.argsort(days, kind="stable")
        frame = self._frame(values).assign(as_of=days, ordered=ordered).iloc[earliest_first].reset_index(drop=True)
        self.learned_ = fit_probability(frame, self._names(), self.signs or {}, self.seed, with_partner=False)
        return self

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Give the calibrated log-odds of the greater class."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return self.learned_.raw(self._frame(values))

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Give each row's probability of the lesser class and of the greater."""
        order = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.column_stack([1 - order, order])

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Give the likelier class of each row."""
        is_order = self.decision_function(X) > 0
        return self.classes_[is_order.astype(int)]

    def _names(self) -> list[str]:
        return list(map(str, getattr(self, "feature_names_in_", [f"x{place}" for place in range(self.n_features_in_)])))

    def _frame(self, values: Floats) -> pd.DataFrame:
        return pd.DataFrame(values, columns=self._names())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags
