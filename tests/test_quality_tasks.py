"""The benchmark of quality: what is chosen is never chosen where it is judged."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from quality_shop import SHOP
from quality_tasks import TASKS, validating

EVERY = pytest.mark.parametrize("task", [*TASKS, SHOP], ids=lambda task: task.name)


@EVERY
def test_each_window_of_validation_closes_before_the_first_as_of_that_is_judged(task):
    earlier = validating(task)
    assert all(day + earlier.horizon_days <= min(task.days) for day in earlier.days)
    assert earlier.goals == {}


@EVERY
def test_a_validation_that_reaches_into_the_test_is_refused(task):
    _, horizon = task.validation
    with pytest.raises(ValueError, match="validation reaches into the test"):
        validating(replace(task, validation=((task.as_ofs[0],), horizon)))
