"""What a project's YAML may say: the frozen models, their limits, and every default of the project."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, field_validator, model_validator

from clm_ml.config.contract import CHANNELS, COLUMNS, DESTINATIONS, MEANINGS
from clm_ml.config.frozen import Frozen
from clm_ml.config.monitor import Monitor
from clm_ml.config.segments import USUAL_SEGMENTS, SegmentRules
from clm_ml.errors import did_you_mean

__all__ = [
    "Config",
    "Contacts",
    "Delivery",
    "Events",
    "Lapse",
    "ListPlan",
    "MaxContacts",
    "Measure",
    "PlayPlan",
    "ReportPlan",
    "Table",
    "Tables",
    "Task",
    "Tracking",
    "Train",
    "UpliftPlan",
]


def _as_day(value: Any) -> Any:
    """Take a day only as YYYY-MM-DD, so that no number passes for one."""
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return date.fromisoformat(value)
    raise ValueError("a day is written YYYY-MM-DD, as in 2011-12-10")


#: More than anybody means; beyond them calendars end, and so do the whole numbers of what we write to.
_MOST_DAYS, _MOST_ROWS, _MOST_SEED = 36_500, 1_000_000, 2**31 - 1

#: What is complete then can still be kept for a while, and predicted from.
_LAST_DAY = date(9000, 1, 1)

Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Share = Annotated[Number, Field(ge=0, le=1)]
Days = Annotated[Whole, Field(ge=1, le=_MOST_DAYS)]
SomeDays = Annotated[Whole, Field(ge=0, le=_MOST_DAYS)]
Text = Annotated[str, Field(min_length=1)]
Day = Annotated[date, BeforeValidator(_as_day)]


class Table(Frozen):
    """Where one table comes from, and what its columns are called there."""

    source: Text | None = Field(
        None,
        description="A CSV (.csv, .csv.gz) or Parquet file, folder or glob; with an engine that has tables, one.",
    )
    query: Text | None = Field(None, description="Instead of a source: one SELECT over the engine's tables.")
    columns: dict[str, Text] = Field(description="This project's name: a column there, or an expression over columns.")
    where: Text | None = Field(None, description="Rows to read, as a condition over the source's columns.")
    date_format: Text | None = Field(
        None, description="How dates are written, when they are text or numbers and not ISO: %d/%m/%Y %H:%M."
    )
    min_date: Day = Field(date(1990, 1, 1), description="Earlier days are put into quarantine.")
    max_rejected_share: Share = Field(0.3, description="Above this share of quarantined rows the run stops.")

    @model_validator(mode="after")
    def _has_one_origin(self) -> Table:
        if (self.source is None) == (self.query is None):
            raise ValueError("give either source or query")
        return self


class Input(Table):
    """A table of the contract: its columns are known."""

    table: ClassVar[str]

    @field_validator("columns")
    @classmethod
    def _are_known(cls, columns: dict[str, str]) -> dict[str, str]:
        missing = [column for column in COLUMNS[cls.table][0] if column not in columns]
        if missing:
            raise ValueError(f"{cls.table} need {' and '.join(missing)} too")
        cls._refuse_unknown(columns)
        return columns

    @classmethod
    def _refuse_unknown(cls, columns: Iterable[str]) -> None:
        needed, optional = COLUMNS[cls.table]
        for column in columns:
            if column not in needed + optional:
                raise ValueError(f"{column!r} is no column of {cls.table}{did_you_mean(column, needed + optional)}")


class Orders(Input):
    """The order log: orders, or lines of them."""

    table = "orders"


class Events(Input):
    """The event log, and which of its types mean what the features know."""

    table = "events"

    meanings: dict[str, list[Text]] = Field(
        {meaning: [meaning] for meaning in ("visit", "email_open", "email_click", "ticket")},
        description="What event types mean: visit, email_open, email_click, ticket, satisfaction, … : [types]. "
        "Types that mean nothing here still count as events.",
    )

    @field_validator("meanings")
    @classmethod
    def _have_known_meanings(cls, meanings: dict[str, list[str]]) -> dict[str, list[str]]:
        for meaning in meanings:
            if meaning not in MEANINGS:
                near = did_you_mean(meaning, MEANINGS)
                raise ValueError(f"{meaning!r} is no known meaning{near or '; known are ' + ', '.join(MEANINGS)}")
        return meanings


class Customers(Input):
    """The people; any attribute may be mapped."""

    table = "customers"

    @classmethod
    def _refuse_unknown(cls, columns: Iterable[str]) -> None:
        """Refuse only what could not be told apart: the engine knows columns by their letters, not by their case."""
        seen = {"created_day": "created_day"}
        for column in columns:
            if (folded := column.casefold()) in seen:
                raise ValueError(f"{column!r} could not be told from {seen[folded]!r}")
            seen[folded] = column


class Contacts(Input):
    """The contacts of past campaigns."""

    table = "contacts"


class Spend(Input):
    """What marketing cost, by day."""

    table = "spend"


class Tables(Frozen):
    """The inputs; all but orders are optional, and what is missing switches off what needs it."""

    orders: Orders = Field(
        description="An order, or a line of one; lines of one order_id are one order. A line that is_return, or with a "
        "negative amount or quantity, is a return: it lowers spend and is no order."
    )
    events: Events | None = Field(None, description="Something a customer did: visits, e-mails, tickets.")
    customers: Customers | None = Field(None, description="A person: e-mail, consent, attributes.")
    contacts: Contacts | None = Field(None, description="One contact of a past campaign.")
    spend: Spend | None = Field(None, description="Marketing cost by day.")

    def named(self) -> dict[str, Table]:
        """List the tables this project has, by name, in the order of the contract."""
        return {name: table for name in COLUMNS if (table := getattr(self, name)) is not None}


def _is_attribute(column: str) -> bool:
    """Say of a column of the customer table whether it is one: not who it is, how to reach them, nor consent."""
    return column == "country" or not (column in sum(COLUMNS["customers"], ()) or column.startswith("contact_"))


class Task(Frozen):
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


class Lapse(Frozen):
    """When a customer counts as lapsed, measured in their own expected gap between orders."""

    after_gaps: Annotated[Number, Field(gt=0)] = Field(2.0, description="Lapsed (just stopped) from this many gaps on.")
    gone_after_gaps: Annotated[Number, Field(gt=0)] = Field(4.0, description="Gone from this many gaps on.")
    at_least_days: SomeDays = Field(14, description="Nobody is lapsed before this many days.")

    @model_validator(mode="after")
    def _are_ordered(self) -> Lapse:
        if self.gone_after_gaps < self.after_gaps:
            raise ValueError("gone_after_gaps must not be smaller than after_gaps")
        return self


class Train(Frozen):
    """How the models learn."""

    as_ofs: Literal["auto"] | tuple[Day, ...] = Field(
        "auto", description="The days to learn from; auto: every closed one, step_days apart, newest first."
    )
    step_days: Days = Field(14, description="Days between automatic as_ofs, at least; whole weeks keep the weekday.")
    most_as_ofs: Annotated[Whole, Field(ge=2)] = Field(24, description="At most so many automatic as_ofs.")
    at_least_history_days: Days = Field(45, description="History that must lie before the first as_of.")
    max_examples: Annotated[Whole, Field(ge=1000)] = Field(
        2_000_000, description="Above this, a deterministic sample of customers is learned from."
    )
    attributes: tuple[Text, ...] = Field(
        (),
        description="Columns of the customer table to learn from, such as country: only what was known of a customer "
        "from the start, since that table tells of no earlier day. Values of fewer than 50 customers teach nothing.",
    )
    fairness: tuple[Text, ...] = Field(
        (),
        description="Columns of the customer table, such as country or age_band, over whose values the model card "
        "compares how the model does; it learns nothing from them.",
    )
    fairness_at_least: Annotated[Whole, Field(ge=20)] = Field(
        50, description="Groups of fewer customers are not told of in the model card."
    )
    seed: Annotated[Whole, Field(ge=0, le=_MOST_SEED)] = Field(
        1, description="Seed of everything drawn while learning."
    )


class MaxContacts(Frozen):
    """How often somebody may be contacted at most."""

    n: Annotated[Whole, Field(ge=1, le=_MOST_DAYS)] = Field(3, description="So many contacts at most …")
    days: Days = Field(90, description="… in any so many days.")


class ListPlan(Frozen):
    """The list: whom it may hold, what it may cost, what it assumes."""

    segments: tuple[str, ...] = Field(
        ("cannot_lose", "at_risk", "falling_asleep"), description="Only customers of these segments."
    )
    also_predicted: bool = Field(
        True,
        description="Also customers of other segments who are likely to be at_risk or cannot_lose when the horizon "
        "ends, if these are among the segments; where may_profile is mapped, only with a yes to it.",
    )
    predicted_from: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.5, description="Likely is from this becomes_at_risk_probability or becomes_cannot_lose_probability on."
    )
    silent_days: SomeDays = Field(
        0, description="Only customers who have not ordered for so many days: what the shop itself calls lapsed."
    )
    budget: Annotated[Number, Field(gt=0)] = Field(500.0, description="Money for contacting, in the currency.")
    capacity: dict[str, Annotated[Whole, Field(ge=0)]] = Field(
        {},
        description="The most customers of a list by channel of their play, as {phone: 100}; a channel that is not "
        "named has no limit but the budget.",
    )
    min_gap_days: SomeDays = Field(
        30, description="Nobody is contacted by two campaigns of the ledger within so many days."
    )
    max_contacts: MaxContacts = Field(MaxContacts(), description="Nor oftener than this, by campaigns of the ledger.")
    holdout_share: Literal["auto"] | Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.1,
        description="Share deliberately not contacted; auto: the smallest from .05 to .5 with which a campaign "
        "that just pays for itself can be told from nothing.",
    )
    universal_holdout_share: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of all who could be listed whom no campaign contacts, to judge the whole programme by."
    )
    universal_horizon_days: Days = Field(
        365, description="Days over which the programme is judged, for each customer from the first list on."
    )
    assignment: Literal["blocks", "hash"] = Field(
        "blocks", description="blocks along the ranking (exact share at every rank), or hash for always-on lists."
    )
    compare_plays: Annotated[Whole, Field(ge=1)] = Field(
        1,
        description="How many plays of each segment are tried against each other, every one on an equal part of those "
        "to contact; measure then tells what each earned, against the one holdout.",
    )
    margin: Annotated[Number, Field(gt=0, le=1)] = Field(0.3, description="Share of an order's amount that is profit.")
    contact_cost: Annotated[Number, Field(gt=0)] = Field(1.0, description="Cost of contacting one customer.")
    assumed_save_rate: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.05, description="Assumed share of churners whom a contact brings back, until campaigns have measured it."
    )
    measured_days: SomeDays = Field(
        730,
        description="Campaigns that began within so many days, held somebody out and have closed measure what contacts "
        "bring back, in place of assumed_save_rate once they show that it is something; 0: it stays assumed.",
    )
    read_days: SomeDays = Field(
        30,
        description="By e-mail, those are the likelier brought back who would open one within so many days, as far as "
        "those they opened tell; 0: all alike.",
    )
    suppress: Path | None = Field(
        None,
        description="Whom never to list: a text file or CSV of customer ids, e-mail addresses, or SHA-256 hashes of "
        "lower-case addresses.",
    )
    scores_of: Literal["everyone", "permitted"] = Field(
        "everyone",
        description="Of whom scores are made: everyone, for analysis too, or only who is permitted on a list: not "
        "suppressed, with consent, not objecting to profiling; then export takes no other scores.",
    )
    ledger: Path = Field(Path("ledger.db"), description="Who was assigned to which arm; append-only.")
    delete_after_days: Days = Field(
        365, description="Scores, lists and backtests say they are to be deleted so many days after as_of."
    )

    def delete_after(self, as_of: date) -> str:
        """Tell the last day (ISO) on which what was made as of a day may be kept."""
        return (as_of + timedelta(days=self.delete_after_days)).isoformat()


class Delivery(Frozen):
    """How a list goes to its destinations."""

    control: Literal["separate", "flag", "omit"] = Field(
        "separate",
        description="Where a CRM's files have those held out: in a file of their own, for suppression; flag: in one "
        "file with the others, told apart by its group column; omit: nowhere.",
    )
    state: Path = Field(
        Path("delivered"), description="The folder that remembers, in digests, what each destination was delivered."
    )
    campaign_ids: dict[str, Text] = Field(
        {}, description="What Salesforce calls a campaign, by its name here: its members are then written too."
    )


class Measure(Frozen):
    """How campaigns are measured."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = Field(
        0.95, description="How often an interval is to hold the truth; above it a verdict is given."
    )
    interim_level: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        0.02, description="Chance of a false alarm before the horizon has closed, however often one looks."
    )
    mismatch_level: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        0.001, description="Below this probability of arms as unequal as found nothing is measured."
    )
    pre_period_days: Days = Field(365, description="Spend of so many days before a campaign steadies what is measured.")


class UpliftPlan(Frozen):
    """How it is learned who can be persuaded, and when that is believed."""

    learner: Literal["auto", "x", "t", "response"] = Field(
        "auto",
        description="x: X-learner over trees; t: two regressions' difference; response: who orders if contacted; auto: "
        "whichever led on the folds before.",
    )
    folds: Annotated[Whole, Field(ge=3, le=20)] = Field(
        5, description="Parts that are judged one after the other, each by what was learned from those before it."
    )
    least_z: Annotated[Number, Field(gt=0)] = Field(
        2.33, description="Uplift is used only if its gain over chance order is so many standard errors above zero."
    )


class PlayPlan(Frozen):
    """What a project does otherwise with one segment; what is left out stays as the playbook has it."""

    target: Text | None = Field(None, description="Who they are, in a sentence.")
    goal: Text | None = Field(None, description="What we want, in a sentence.")
    plays: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="What to do, the best first; lists say the first."
    )
    channel: Text | None = Field(None, description="How to reach them: email, phone, site, or the shop's own word.")
    contact_cost: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="Cost of contacting one of them; list.contact_cost if empty."
    )


class ReportPlan(Frozen):
    """What the report shows."""

    rows: Annotated[Whole, Field(ge=0, le=_MOST_ROWS)] = Field(
        12, description="So many customers of each list are named; 0: nobody."
    )


class Tracking(Frozen):
    """Where MLflow keeps runs and the registry."""

    uri: Text = Field("sqlite:///mlflow.db", description="MLflow's tracking store; artifacts lie beside a SQLite one.")
    experiment: Text | None = Field(None, description="MLflow's experiment; the project's name if not given.")


class Config(Frozen):
    """Everything a run needs except its day."""

    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] = Field(
        description="The project's name: letters, digits, - and _; also the registered model's name."
    )
    timezone: str = Field("UTC", description="The business time zone, in which days begin.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field("EUR", description="ISO code of all amounts.")
    engine: Annotated[str, Field(pattern=r"^(duckdb(:///.+)?|postgresql://.+|spark(://.+)?)$")] = Field(
        "duckdb",
        description="duckdb, or duckdb:///file.db or postgresql://user:password@host/db to read tables from there; or "
        "spark, or spark://host:port.",
        repr=False,
    )
    memory_limit: Text | None = Field(None, description="The engine's memory, as 2GB; half the machine's if empty.")
    threads: Annotated[Whole, Field(ge=1, le=1024)] | None = Field(
        None, description="The engine's threads; all cores if empty."
    )
    temp_dir: Path | None = Field(None, description="Where the engine spills; the system's folder if empty.")
    complete_until: Annotated[Day, Field(le=_LAST_DAY)] | None = Field(
        None,
        description="Every row before this day has arrived; if empty, the day after the log's last, with a warning.",
    )
    tables: Tables = Field(description="The inputs; all but orders are optional.")
    task: Task = Field(Task(), description="What is predicted.")
    lapse: Lapse = Field(Lapse(), description="When a customer counts as lapsed, in their own expected gaps.")
    segments: SegmentRules = Field(USUAL_SEGMENTS, description="Who is in which segment.")
    train: Train = Field(Train(), description="How the models learn.")
    forgotten: Path = Field(
        Path("forgotten.db"),
        description="Who was forgotten, in digests: clm-ml forget adds them, and rows of theirs are never read again.",
    )
    list: ListPlan = Field(ListPlan(), description="The list: whom it may hold, what it may cost, what it assumes.")
    playbook: dict[str, PlayPlan] = Field(
        {}, description="What to do with a segment, where it differs from the playbook that comes with clm-ml."
    )
    measure: Measure = Field(Measure(), description="How campaigns are measured.")
    uplift: UpliftPlan = Field(UpliftPlan(), description="How it is learned who can be persuaded.")
    monitor: Monitor = Field(Monitor(), description="What counts as drift since training.")
    destinations: tuple[Text, ...] = Field(
        ("table",),
        description="The files an export writes: names that `clm-ml destinations` lists, or YAMLs of one's own.",
    )
    delivery: Delivery = Field(Delivery(), description="How a list goes to its destinations.")
    report: ReportPlan = Field(ReportPlan(), description="What the report shows.")
    tracking: Tracking = Field(Tracking(), description="Where MLflow keeps runs and the registry.")

    home: Path = Field(Path(), exclude=True, description="The folder of the YAML; no key of it.")

    @model_validator(mode="after")
    def _has_its_attributes(self) -> Config:
        mapped = self.mapped_attributes()
        watched = () if self.monitor.attributes == "auto" else self.monitor.attributes
        asked = {"train.attributes": self.train.attributes, "train.fairness": self.train.fairness}
        for key, names in (asked | {"monitor.attributes": watched}).items():
            for name in names:
                if name not in mapped:
                    near = did_you_mean(name, mapped) or (f"; there are {', '.join(mapped)}" if mapped else "")
                    raise ValueError(f"{key}: {name!r} is no attribute that tables.customers maps{near}")
        return self

    @model_validator(mode="after")
    def _names_its_segments(self) -> Config:
        for key, named in (("list.segments", self.list.segments), ("playbook", self.playbook)):
            for name in named:
                if name not in (known := self.segments.names):
                    near = did_you_mean(name, known) or f"; there are {', '.join(known)}"
                    raise ValueError(f"{key}: {name!r} is no segment of segments.rules{near}")
        return self

    @model_validator(mode="after")
    def _names_its_channels(self) -> Config:
        known = list(dict.fromkeys((*CHANNELS, *(play.channel for play in self.playbook.values() if play.channel))))
        for name in self.list.capacity:
            if name not in known:
                near = did_you_mean(name, known) or f"; there are {', '.join(known)}"
                raise ValueError(f"list.capacity: {name!r} is no channel of the playbook{near}")
        return self

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"{zone!r} is no time zone{did_you_mean(zone, available_timezones())}")
        return zone

    @field_validator("destinations")
    @classmethod
    def _are_there(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in DESTINATIONS and not name.endswith((".yaml", ".yml")):
                near = did_you_mean(name, DESTINATIONS) or f"; known: {', '.join(DESTINATIONS)}"
                raise ValueError(f"there is no destination {name!r}{near}")
        return names

    def mapped_attributes(self) -> tuple[str, ...]:
        """List the columns of the customer table that say what somebody is."""
        people = self.tables.customers
        return () if people is None else tuple(name for name in people.columns if _is_attribute(name))

    def watched_attributes(self) -> tuple[str, ...]:
        """List the attributes whose values `monitor` compares, each once."""
        if self.monitor.attributes != "auto":
            return self.monitor.attributes
        asked = ("country", *self.train.attributes, *self.train.fairness)
        return tuple(name for name in dict.fromkeys(asked) if name in self.mapped_attributes())

    def path(self, path: str | Path) -> Path:
        """Find a path of the config: relative ones start at the YAML's folder."""
        return self.home / path
