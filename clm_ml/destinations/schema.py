"""What a destination's YAML may say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from clm_ml.destinations.fields import FIELDS, Form
from clm_ml.destinations.steps import STEPS
from clm_ml.errors import did_you_mean

__all__ = ["Column", "Destination", "File", "Key"]


@dataclass(frozen=True)
class Column:
    """What is in a column: a canonical field, after some steps."""

    field: str
    steps: tuple[str, ...] = ()

    def after_steps(self, cells: list[str]) -> list[str]:
        """Take the steps with each text.

        >>> Column("email", ("lower",)).after_steps(["Anna@Example.org"])
        ['anna@example.org']
        """
        for name in self.steps:
            step = STEPS[name]
            cells = [step(cell) for cell in cells]
        return cells


def _as_column(text: Any) -> Column:
    """Read `email lower sha256`."""
    if not isinstance(text, str) or not text.split():
        raise ValueError("a column is a field and optional steps, as in: email lower sha256")
    field, *steps = text.split()
    if field not in FIELDS:
        raise ValueError(f"there is no field {field!r}{_near(field, tuple(FIELDS))}")
    for step in steps:
        if step not in STEPS:
            raise ValueError(f"there is no step {step!r}{_near(step, tuple(STEPS))}")
    if steps and FIELDS[field].kind not in ("id", "contact"):
        raise ValueError(f"steps are for ids and contact fields; {field} is written as it is")
    return Column(field, tuple(steps))


def _near(word: str, known: tuple[str, ...]) -> str:
    return did_you_mean(word, known) or f"; known: {', '.join(known)}"


Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=2)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


class Key(_Frozen):
    """The column by which the destination knows a customer again."""

    column: Text = Field(description="The key's column in the file.")
    from_: Text = Field(alias="from", description="The field it is made of.")


_TAKEN = ("holdout.csv", "left.csv", "invalid.csv", "campaign_members.csv")


class File(_Frozen):
    """The form of the files."""

    format: Literal["csv"] = Field("csv", description="UTF-8, commas, LF.")
    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+\.csv$")] = Field(
        "contact.csv", description="The main file's name: small letters, digits, - and _, then .csv."
    )
    for_: Literal["machines", "people"] = Field(
        "machines",
        alias="for",
        description="machines: cells are never altered. people: a byte order mark, formulas defused, columns left out "
        "that the shop does not have.",
    )
    max_rows: Count | None = Field(None, description="Lines a file may have, the header counted.")
    max_mb: Annotated[float, Field(gt=0)] | None = Field(None, description="Millions of bytes a file may have.")
    date: Text = Field("%Y-%m-%d", description="How a day is written.")
    bool: Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")] = Field(
        "true/false", description="How yes and no are written, with a slash between them."
    )
    clear: Text | None = Field(None, description="What empties a field, if anything does.")

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in _TAKEN:
            raise ValueError(f"{name} is the name of another file; choose one beside {', '.join(_TAKEN)}")
        return name

    def form(self) -> Form:
        """Tell how cells are written."""
        yes, no = self.bool.split("/")
        return Form(self.date, yes, no, "" if self.for_ == "people" else "none", self.clear or "")


class Destination(_Frozen):
    """One destination.

    With a key it is a CRM's: both arms, rows of those who have left, and files of what has changed. With `any_of` it is
    an audience, and without both a table for people: whole files of those to contact.
    """

    name: Text = Field(description="What the file is for.")
    file: File = Field(File(), description="The form of the files.")
    columns: dict[Text, Annotated[Column, BeforeValidator(_as_column)]] = Field(
        min_length=1, description="Each column's name there: a field, and optional steps (lower, digits, e164, sha256)."
    )
    key: Key | None = Field(None, description="The column by which the destination knows a customer again.")
    any_of: tuple[Text, ...] = Field((), description="Instead of a key: columns of which a row needs at least one.")
    max_chars: dict[Text, Count] = Field({}, description="Characters a column may have; sentences are cut.")
    max_bytes: dict[Text, Count] = Field({}, description="Bytes a column may have; sentences are cut.")
    beside: Literal["hubspot_import", "salesforce_job"] | None = Field(
        None, description="A file beside the others that makes the import one step."
    )

    @field_validator("key")
    @classmethod
    def _key_is_a_column(cls, key: Key | None, info: ValidationInfo) -> Key | None:
        columns = info.data.get("columns", {})
        if key is not None and columns:
            cls._refuse_unknown([key.column], columns)
            if columns[key.column].field != key.from_:
                raise ValueError(f"column {key.column} is made of {columns[key.column].field}, not of {key.from_}")
        return key

    @field_validator("any_of", "max_chars", "max_bytes")
    @classmethod
    def _are_columns(cls, names: Any, info: ValidationInfo) -> Any:
        if columns := info.data.get("columns"):
            cls._refuse_unknown(names, columns)
        return names

    @staticmethod
    def _refuse_unknown(names: Any, columns: dict[str, Column]) -> None:
        for name in names:
            if name not in columns:
                raise ValueError(f"there is no column {name!r}{_near(name, tuple(columns))}")

    @model_validator(mode="after")
    def _says_who_is_who(self) -> Destination:
        if self.key is not None and self.any_of:
            raise ValueError("give either key or any_of, not both")
        if self.key is None and not self.any_of and self.file.for_ == "machines":
            raise ValueError("a file for machines needs a key, or any_of")
        if self.beside and self.key is None:
            raise ValueError("beside needs a key")
        return self

    def needs(self) -> tuple[str, ...]:
        """List the fields of which the shop must have at least one, or no row could be told from another."""
        if self.key is not None:
            return (self.key.from_,)
        return tuple(self.columns[name].field for name in self.any_of)
