"""What a person can mend is one sentence and has an exit code of its own."""

import inspect

import pytest

from clm_ml import errors
from clm_ml.errors import ClmError, did_you_mean

CODES = {
    "UsageError": 2,
    "ConfigError": 11,
    "DataError": 12,
    "TimelineError": 13,
    "ModelError": 14,
    "ArtifactError": 15,
    "CampaignError": 16,
    "GateError": 17,
    "DriftError": 18,
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_error_has_the_exit_code_that_was_promised(name, code):
    kind = getattr(errors, name)
    assert issubclass(kind, ClmError)
    assert kind.exit_code == code


def test_every_error_is_listed_and_explains_itself():
    kinds = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, ClmError)}
    assert set(kinds) - {"ClmError"} == set(CODES)
    assert set(kinds) < set(errors.__all__)
    assert all(kind.__doc__ for kind in kinds.values())


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("amont", ["amount", "discount"], "; did you mean 'amount'?"),
        ("AMOUNT", ["amount"], "; did you mean 'amount'?"),
        ("customer id", ["CustomerID", "Country"], "; did you mean 'CustomerID'?"),
        ("colour", ["color", "colours"], "; did you mean 'colours' or 'color'?"),
        ("zzz", ["amount"], ""),
        ("", ["amount"], ""),
        ("amount", [], ""),
    ],
)
def test_the_nearest_words_are_named_whatever_their_case(word, known, said):
    assert did_you_mean(word, known) == said


def test_no_more_words_are_named_than_asked_for():
    near = ["amount_1", "amount_2", "amount_3", "amount_4"]
    assert did_you_mean("amount", near, most=2).count("amount") == 2


def test_the_order_of_the_known_words_does_not_matter():
    words = ["order_id", "orderId", "ORDER_ID", "order_ids"]
    assert did_you_mean("order_if", words) == did_you_mean("order_if", words[::-1])
