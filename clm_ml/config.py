"""One YAML, one frozen `Config`; every default of the project lives here.

What is asked is in the YAML; when and where are on the command line. Unknown keys are refused, and every
refusal names the file and the line. Relative paths are read from the folder the YAML lies in, so a project
can be run from anywhere.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from clm_ml.errors import ConfigError, did_you_mean

__all__ = [
    "COLUMNS",
    "MEANINGS",
    "Config",
    "Events",
    "Lapse",
    "ListPlan",
    "Table",
    "Task",
    "Tracking",
    "Train",
    "commented",
    "load_config",
]

Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]

#: The columns of each table: what is needed, then what is optional.
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "orders": (
        ("customer_id", "ordered_at", "amount"),
        ("order_id", "product_id", "category", "quantity", "discount", "channel", "is_return", "loaded_at"),
    ),
    "events": (
        ("customer_id", "occurred_at", "event_type"),
        ("value", "channel", "campaign", "duration_seconds", "loaded_at"),
    ),
    "customers": (("customer_id",), ("email", "phone", "country", "created_at", "may_contact", "may_profile")),
    "contacts": (("customer_id", "campaign", "contacted_at"), ("arm", "channel", "cost")),
    "spend": (("spent_on", "amount"), ("channel", "campaign")),
}

#: What an event can mean to the features; any other type still counts as an event.
MEANINGS = (
    "visit",
    "email_open",
    "email_click",
    "ticket",
    "satisfaction",
    "review",
    "referral",
    "lead",
    "first_response",
    "redemption",
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Table(_Frozen):
    """Where one table comes from, and what its columns are called there."""

    source: Text | None = Field(
        None,
        description="A CSV (.csv, .csv.gz) or Parquet file, folder or glob; with engine duckdb:///file.db, a table.",
    )
    query: Text | None = Field(None, description="Instead of a source: a SELECT over the engine's DuckDB file.")
    columns: dict[str, Text] = Field(description="This project's name: a column there, or an expression over columns.")
    where: Text | None = Field(None, description="Rows to read, as a condition over the source's columns.")
    date_format: Text | None = Field(
        None, description="How dates are written, when they are text and not ISO: %d/%m/%Y %H:%M."
    )
    min_date: date = Field(date(1990, 1, 1), description="Earlier days are put into quarantine.")
    max_rejected_share: Share = Field(0.3, description="Above this share of quarantined rows the run stops.")

    @model_validator(mode="after")
    def _has_one_origin(self) -> Table:
        if (self.source is None) == (self.query is None):
            raise ValueError("give either source or query")
        return self


class Events(Table):
    """The event log, and which of its types mean what the features know."""

    meanings: dict[str, list[Text]] = Field(
        {meaning: [meaning] for meaning in MEANINGS if meaning in ("visit", "email_open", "email_click", "ticket")},
        description="What event types mean: visit, email_open, email_click, ticket, satisfaction, … : [types]. "
        "Types that mean nothing here still count as events.",
    )

    @field_validator("meanings")
    @classmethod
    def _are_known(cls, meanings: dict[str, list[str]]) -> dict[str, list[str]]:
        for meaning in meanings:
            if meaning not in MEANINGS:
                near = did_you_mean(meaning, MEANINGS)
                raise ValueError(f"{meaning!r} is no known meaning{near or '; known are ' + ', '.join(MEANINGS)}")
        return meanings


class Tables(_Frozen):
    """The inputs; all but orders are optional, and what is missing switches off what needs it."""

    orders: Table = Field(description="An order, or a line of one. Lines of one order_id are one order.")
    events: Events | None = Field(None, description="Something a customer did: visits, e-mails, tickets.")
    customers: Table | None = Field(None, description="A person: e-mail, consent, attributes.")
    contacts: Table | None = Field(None, description="One contact of a past campaign.")
    spend: Table | None = Field(None, description="Marketing cost by day.")

    @model_validator(mode="after")
    def _map_known_columns(self) -> Tables:
        for name, (needed, optional) in COLUMNS.items():
            table = getattr(self, name)
            if table is not None:
                _refuse_bad_columns(name, table, needed, optional)
        return self

    def named(self) -> dict[str, Table]:
        """List the tables this project has, by name, in the order of the contract."""
        return {name: table for name in COLUMNS if (table := getattr(self, name)) is not None}


def _refuse_bad_columns(name: str, table: Table, needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise ValueError(f"{name}.columns lacks {', '.join(missing)}")
    if name == "customers":  # any attribute may be mapped here
        return
    for column in table.columns:
        if column not in needed + optional:
            raise ValueError(
                f"{name}.columns: {column!r} is no column of {name}{did_you_mean(column, needed + optional)}"
            )


class Task(_Frozen):
    """What is predicted."""

    horizon_days: Days = Field(90, description="Churned means: no order in this many days from as_of on.")
    active_days: Days = Field(365, description="Models are judged on customers who ordered in the last … days.")
    windows_days: tuple[Days, ...] = Field((7, 30, 90, 180, 365), description="The lookback windows of the features.")

    @field_validator("windows_days")
    @classmethod
    def _are_increasing(cls, windows: tuple[int, ...]) -> tuple[int, ...]:
        if not windows or list(windows) != sorted(set(windows)):
            raise ValueError("windows_days must be increasing and without repeats")
        return windows


class Lapse(_Frozen):
    """When a customer counts as lapsed, measured in their own expected gap between orders."""

    after_gaps: Annotated[float, Field(gt=0)] = Field(2.0, description="Lapsed (just stopped) from this many gaps on.")
    gone_after_gaps: Annotated[float, Field(gt=0)] = Field(4.0, description="Gone from this many gaps on.")
    at_least_days: Annotated[int, Field(ge=0)] = Field(14, description="Nobody is lapsed before this many days.")

    @model_validator(mode="after")
    def _are_ordered(self) -> Lapse:
        if self.gone_after_gaps < self.after_gaps:
            raise ValueError("gone_after_gaps must not be smaller than after_gaps")
        return self


class Train(_Frozen):
    """How the models learn."""

    as_ofs: Literal["auto"] | tuple[date, ...] = Field(
        "auto", description="The days to learn from; auto: every closed one, step_days apart, newest first."
    )
    step_days: Days = Field(14, description="Days between automatic as_ofs; whole weeks keep the weekday.")
    most_as_ofs: Annotated[int, Field(ge=2)] = Field(24, description="At most so many automatic as_ofs.")
    at_least_history_days: Days = Field(45, description="History that must lie before the first as_of.")
    max_examples: Annotated[int, Field(ge=1000)] = Field(
        2_000_000, description="Above this, a deterministic sample of customers is learned from."
    )
    seed: int = Field(1, description="Seed of everything drawn while learning.")


class ListPlan(_Frozen):
    """The list: whom it may hold, what it may cost, what it assumes."""

    segments: tuple[str, ...] = Field(
        ("cannot_lose", "at_risk", "falling_asleep"), description="Only customers of these segments."
    )
    budget: Annotated[float, Field(gt=0)] = Field(500.0, description="Money for contacting, in the currency.")
    holdout_share: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="Share deliberately not contacted.")
    assignment: Literal["blocks", "hash"] = Field(
        "blocks", description="blocks along the ranking (exact share at every rank), or hash for always-on lists."
    )
    margin: Annotated[float, Field(gt=0, le=1)] = Field(0.3, description="Share of an order's amount that is profit.")
    contact_cost: Annotated[float, Field(gt=0)] = Field(1.0, description="Cost of contacting one customer.")
    assumed_save_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="Assumed share of churners whom a contact brings back, until a campaign has measured it."
    )
    suppress: Path | None = Field(None, description="A text file of customer ids never to list, one a line.")
    ledger: Path = Field(Path("ledger.db"), description="Who was assigned to which arm; append-only.")
    delete_after_days: Days = Field(365, description="Lists say they are to be deleted so many days after as_of.")


class Tracking(_Frozen):
    """Where MLflow keeps runs and the registry."""

    uri: Text = Field("sqlite:///mlflow.db", description="MLflow's tracking store; artifacts lie beside a SQLite one.")
    experiment: Text | None = Field(None, description="MLflow's experiment; the project's name if not given.")


class Config(_Frozen):
    """Everything a run needs except its day."""

    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] = Field(
        description="The project's name: letters, digits, - and _; also the registered model's name."
    )
    timezone: str = Field("UTC", description="The business time zone, in which days begin.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field("EUR", description="ISO code of all amounts.")
    engine: Annotated[str, Field(pattern=r"^duckdb(:///.+)?$")] = Field(
        "duckdb", description="duckdb, or duckdb:///file.db to read tables of that file."
    )
    memory_limit: Text | None = Field(None, description="The engine's memory, as 2GB; half the machine's if empty.")
    threads: Annotated[int, Field(ge=1)] | None = Field(None, description="The engine's threads; all cores if empty.")
    temp_dir: Path | None = Field(None, description="Where the engine spills; the system's folder if empty.")
    complete_until: date | None = Field(
        None,
        description="Every row before this day has arrived; if empty, the day after the log's last, with a warning.",
    )
    tables: Tables
    task: Task = Task()
    lapse: Lapse = Lapse()
    train: Train = Train()
    list: ListPlan = ListPlan()
    destinations: tuple[Literal["table"], ...] = Field(("table",), description="The files an export writes.")
    tracking: Tracking = Tracking()

    home: Path = Field(Path(), exclude=True)

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"{zone!r} is no time zone{did_you_mean(zone, available_timezones())}")
        return zone

    def path(self, path: str | Path) -> Path:
        """Find a path of the config: relative ones start at the YAML's folder."""
        return self.home / path


def load_config(path: str | Path) -> Config:
    """Read and check one project's YAML.

    Args:
        path: the YAML file; relative paths in it start at its folder.

    Raises:
        ConfigError: with one line for every mistake, each as `file:line: key: what is wrong`.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"config {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"config {path} is not UTF-8 text.") from None
    return _parse(text, path)


def _parse(text: str, path: Path) -> Config:
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{path}:{line}: not YAML: {getattr(error, 'problem', None) or 'unreadable'}.") from None
    if not isinstance(content, dict) or not isinstance(tree, yaml.MappingNode):
        raise ConfigError(f"{path}:1: a config is a mapping of keys such as project, tables, task.")
    _refuse_repeated_keys(tree, path)
    if "home" in content:
        raise ConfigError(f"{path}:1: home: unknown key.")
    try:
        return Config(**content, home=path.resolve().parent)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(problem, tree, path) for problem in error.errors())) from None


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            raise ConfigError(f"{path}:{key.start_mark.line + 1}: {key.value}: this key stands twice.")
        seen.add(key.value)
        _refuse_repeated_keys(value, path)


def _sentence(problem: Any, tree: yaml.MappingNode, path: Path) -> str:
    steps = [str(step) for step in problem["loc"] if not str(step).startswith(("literal[", "tuple[", "constrained-"))]
    key = ".".join(steps)
    what = problem["msg"].removeprefix("Value error, ")
    what = what[:1].lower() + what[1:]
    if problem["type"] == "extra_forbidden":
        what = f"unknown key{did_you_mean(steps[-1], _known_keys(steps[:-1]))}"
    elif problem["type"] == "missing":
        what = "this key is needed"
    end = "" if what.endswith("?") else "."
    return f"{path}:{_line(tree, steps)}: {key}: {what}{end}" if key else f"{path}: {what}{end}"


def _known_keys(steps: list[str]) -> list[str]:
    model: Any = Config
    for step in steps:
        model = _model_of(model.model_fields[step].annotation)
    return [name for name in model.model_fields if name != "home"]


def _model_of(annotation: Any) -> Any:
    """Find the pydantic model in an annotation such as `Table | None`."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next(kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel))


def _line(tree: yaml.Node, steps: list[str]) -> int:
    """Find the line of the deepest node on the way to a key."""
    line, node = tree.start_mark.line, tree
    for step in steps:
        if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == step), None)
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1


def commented(model: type[BaseModel] = Config, indent: int = 0) -> str:
    """Write every key with its meaning and default, as a YAML to start from.

    >>> print(commented(Lapse))
    # Lapsed (just stopped) from this many gaps on.
    after_gaps: 2.0
    # Gone from this many gaps on.
    gone_after_gaps: 4.0
    # Nobody is lapsed before this many days.
    at_least_days: 14
    """
    pad, lines = "  " * indent, []
    for name, field in model.model_fields.items():
        if name == "home":
            continue
        nested = [kind for kind in (field.annotation, *getattr(field.annotation, "__args__", ())) if _is_model(kind)]
        if nested:
            optional = "" if field.is_required() or field.default is not None else "optional: "
            lines += [f"{pad}# {optional}{field.description or nested[0].__doc__}", f"{pad}{name}:"]
            lines.append(commented(nested[0], indent + 1))
            continue
        default = "…" if field.is_required() else _as_yaml(field.default)
        lines += [f"{pad}# {field.description}", f"{pad}{name}: {default}".rstrip()]
    return "\n".join(lines)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _as_yaml(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, Path):
        value = str(value)
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
