"""Numbers that occur more than once: the same in memory and on disk."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.engine import repeats
from clm_ml.engine.repeats import repeated

BORDERS = [0, 1, 2**58 - 1, 2**58, 2**58 + 1, 2**63, 2**64 - 1]
NUMBERS = st.one_of(st.sampled_from(BORDERS), st.integers(0, 2**64 - 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(NUMBERS, max_size=12), max_size=6))
@pytest.mark.parametrize("most_held", [0, 7, 1000])
def test_what_occurs_more_than_once_is_found_in_memory_and_on_disk(tmp_path_factory, most_held, batches):
    spill = tmp_path_factory.getbasetemp() / "spill"
    expected = sorted(number for number, times in Counter(itertools.chain(*batches)).items() if times > 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "MOST_HELD", most_held)
        found = repeated((np.array(batch, np.uint64) for batch in batches), spill)
    assert found.dtype == np.uint64
    assert found.tolist() == expected
    assert not spill.exists() or not list(spill.iterdir())
