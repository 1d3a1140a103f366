"""What the level learns of the season: by how far the window a year ago was off, if the log reaches so far."""

import numpy as np
import pandas as pd
import pytest

from clm_ml.model.learning import _season, _trust_in_prior
from clm_ml.model.probability import Blend, Probability


def windows(**rates):
    """Draw a thousand customers at each as_of, of whom a share ordered: d100=0.2 is as_of 100."""
    parts = [
        pd.DataFrame({"as_of": int(day[1:]), "ordered": (np.arange(1000) < 1000 * rate).astype(int)})
        for day, rate in rates.items()
    ]
    return pd.concat(parts, ignore_index=True)


#: Says one in five of everyone: knows no calendar.
BLIND = Probability(None, None, Blend(1.0, 1.0, float(np.log(0.25))))


def odds(rate):
    return np.log(rate / (1 - rate))


def test_the_window_a_year_ago_tells_the_season():
    rows = windows(d100=0.4, d200=0.2, d300=0.2, d400=0.2)
    shift = odds(0.4) - odds(0.2)
    high, low = shift * 3 / 4, -shift / 4
    assert _season(BLIND, rows, 464) == pytest.approx(0.5 * high * high**2 / (high**2 + 1 / 400), abs=1e-4)
    assert _season(BLIND, rows, 564) == pytest.approx(0.5 * low * low**2 / (low**2 + 1 / 200), abs=1e-4)


def test_a_fortnight_off_is_another_window():
    rows = windows(d100=0.4, d200=0.2)
    assert _season(BLIND, rows, 464 + 13) == _season(BLIND, rows, 464 - 13) == _season(BLIND, rows, 464)
    assert _season(BLIND, rows, 464 + 14) == _season(BLIND, rows, 464 - 14) == 0.0


def test_a_log_of_less_than_a_year_and_windows_of_one_outcome_say_nothing():
    assert _season(BLIND, windows(d100=0.4, d200=0.2), 300) == 0.0
    assert _season(BLIND, windows(d100=0.0, d200=0.2), 464) == 0.0


def test_the_level_is_the_prior_s_only_while_few_label_windows_were_seen():
    assert _trust_in_prior([100], 90) == 0.75
    assert _trust_in_prior([100, 145, 190], 90) == pytest.approx(0.25)
    assert _trust_in_prior([100, 235], 90) == _trust_in_prior([100, 300], 90) == 0.0
