"""What a project's YAML may say as a whole: one frozen `Config`, whose parts say the rest."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from clm_ml.config.campaigns import Delivery, ListPlan, Measure, PlayPlan
from clm_ml.config.contract import CHANNELS, DESTINATIONS
from clm_ml.config.frozen import Frozen
from clm_ml.config.kinds import Day, Text, Whole
from clm_ml.config.learning import Lapse, Task, Train, UpliftPlan
from clm_ml.config.monitor import Monitor
from clm_ml.config.segments import USUAL_SEGMENTS, SegmentRules
from clm_ml.config.sources import Tables, is_attribute
from clm_ml.errors import did_you_mean

__all__ = ["Config", "ReportPlan", "Tracking"]

_MOST_ROWS = 1_000_000
#: What is complete then can still be kept for a while, and predicted from.
_LAST_DAY = date(9000, 1, 1)


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
        return () if people is None else tuple(name for name in people.columns if is_attribute(name))

    def watched_attributes(self) -> tuple[str, ...]:
        """List the attributes whose values `monitor` compares, each once."""
        if self.monitor.attributes != "auto":
            return self.monitor.attributes
        asked = ("country", *self.train.attributes, *self.train.fairness)
        return tuple(name for name in dict.fromkeys(asked) if name in self.mapped_attributes())

    def path(self, path: str | Path) -> Path:
        """Find a path of the config: relative ones start at the YAML's folder."""
        return self.home / path
