"""What a customer table says of persons: to what they agreed, and what else is known of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from clm_ml.config import COLUMNS
from clm_ml.proposal.looking import Column, Look
from clm_ml.proposal.vocabulary import is_named_like_an_id, these, words

__all__ = ["attributes", "consents"]

Line = tuple[str, str, str, str]  # our name, the expression, the column it reads, and why

_BY_CHANNEL = {
    "email": these("email mail mails newsletter newsletters"),
    "phone": these("phone call calls telephone tel"),
    "sms": these("sms text texts"),
    "post": these("post postal letter letters"),
    "push": these("push app"),
}
_AGREES = these(
    "contact contactable consent consents opt opted optin accepts accepted allow allows allowed subscribed permission "
    "marketing gdpr may can newsletter"
)
_REFUSES = these("out optout unsubscribed not no dnc suppressed blocked refused refuses")
_PROFILES = these("profile profiling")
_PRIVATE = these("name surname street address birth birthday dob password passport iban ssn note notes comment")


def consents(look: Look, taken: Collection[str]) -> Iterator[Line]:
    """Find the columns of yes and no that tell to what people agreed, or what they refused."""
    for column in look.columns:
        if column.name in taken or not column.filled or column.claims < 0.95 * column.filled or column.distinct > 4:
            continue
        said = set(words(column.name))
        role = _agreed_to(said)
        if role is None:
            continue
        refuses = bool(said & _REFUSES)
        why = "its name tells of a refusal, so a yes there is a no here" if refuses else "its name tells of consent"
        yield role, _negated(column) if refuses else column.name, column.name, f"{why}; check what was agreed to"


def _agreed_to(said: set[str]) -> str | None:
    if said & _PROFILES and said & (_AGREES | _REFUSES):
        return "may_profile"
    if not said & (_AGREES | _REFUSES):
        return None
    return next((f"contact_{channel}" for channel, known in _BY_CHANNEL.items() if said & known), "may_contact")


def _negated(column: Column) -> str:
    if column.kind == "BOOLEAN":
        return f"NOT {column.spelled}"
    text = f"lower(CAST({column.spelled} AS VARCHAR))"
    return (
        f"CASE WHEN {text} IN ('true', 't', 'yes', 'y', '1', '1.0') THEN false "
        f"WHEN {text} IN ('false', 'f', 'no', 'n', '0', '0.0') THEN true END"
    )


def attributes(look: Look, taken: Collection[str]) -> Iterator[Line]:
    """Find words that group people, such as an age band; names, addresses and ids are left alone."""
    known = {*COLUMNS["customers"][0], *COLUMNS["customers"][1], "created_day"}
    for column in look.columns:
        said = words(column.name)
        is_group = column.kind == "VARCHAR" and 2 <= column.distinct <= 50 and column.rows_each >= 2
        is_plain = is_group and column.dated is None and column.numbers < 0.5 * column.filled
        role = "_".join(said)
        is_free = column.name not in taken and role not in known and role.isidentifier()
        if is_plain and is_free and not _PRIVATE & set(said) and not is_named_like_an_id(column.name):
            yield (
                role,
                column.name,
                column.name,
                f"an attribute: {column.distinct} groups; drop it if it must not matter",
            )
