"""One YAML, one frozen Config; every mistake is one line with file, line and key."""

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from clm_ml.config import (
    COLUMNS,
    MEANINGS,
    Config,
    Lapse,
    ListPlan,
    SegmentRules,
    Task,
    Tracking,
    Train,
    commented,
    load_config,
)
from clm_ml.config.frozen import Frozen
from clm_ml.config.segments import Condition, SegmentRule
from clm_ml.errors import ConfigError

SHOP = """\
project: shop
tables:
  orders:
    source: orders.csv
    columns: {customer_id: id, ordered_at: at, amount: paid}
"""


def kinds_of(kind):
    return [kind, *(each for below in kind.__subclasses__() for each in kinds_of(below))]


#: Everything a YAML may say.
MODELS = [kind for kind in kinds_of(Frozen) if kind.__module__.startswith("clm_ml.config.")]


@pytest.fixture
def load(tmp_path):
    def write_and_load(text):
        (tmp_path / "shop.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(tmp_path / "shop.yaml")

    return write_and_load


@pytest.fixture
def refused(load, tmp_path):
    def said(text):
        with pytest.raises(ConfigError) as error:
            load(text)
        assert error.value.exit_code == 11
        return str(error.value).replace(f"{tmp_path}/", "")

    return said


def test_a_short_yaml_has_every_default(load):
    config = load(SHOP)
    assert (config.timezone, config.currency, config.engine) == ("UTC", "EUR", "duckdb")
    assert config.task == Task(horizon_days=90, active_days=365, windows_days=(7, 30, 90, 180, 365))
    assert config.lapse == Lapse()
    assert list(config.tables.named()) == ["orders"]


def test_relative_paths_start_at_the_folder_of_the_yaml(load, tmp_path):
    config = load(SHOP)
    assert config.path("orders.csv") == tmp_path / "orders.csv"
    assert config.path("/data/orders.csv") == Path("/data/orders.csv")


def test_a_config_cannot_be_changed(load):
    with pytest.raises(ValueError, match="frozen"):
        load(SHOP).task.horizon_days = 30


def test_days_are_read_as_days(load):
    config = load(SHOP + "complete_until: 2011-12-10\ntrain: {as_ofs: [2011-06-01, '2011-07-01']}\n")
    assert config.complete_until == date(2011, 12, 10)
    assert config.train.as_ofs == (date(2011, 6, 1), date(2011, 7, 1))


def test_a_byte_order_mark_does_no_harm(load):
    assert load(b"\xef\xbb\xbf" + SHOP.encode()).project == "shop"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "list:\n  capacity: {phne: 3}",
            "1: list.capacity: 'phne' is no channel of the playbook; did you mean 'phone'?",
        ),
        (
            "list: {capacity: {pigeon: 3}}\nplaybook: {at_risk: {channel: letter}}",
            "1: list.capacity: 'pigeon' is no channel of the playbook; there are email, phone, site, letter.",
        ),
        ("list: {capacity: {phone: -1}}", "6: list.capacity.phone: must be greater than or equal to 0; found -1."),
        ("list: {holdout_share: most}", "6: list.holdout_share: must be 'auto' or a valid number; found 'most'."),
        ("list: {max_contacts: {m: 3}}", "6: list.max_contacts.m: unknown key."),
        ("tsk: {}", "6: tsk: unknown key; did you mean 'task'?"),
        ("task: {horizon_day: 9}", "6: task.horizon_day: unknown key; did you mean 'horizon_days'?"),
        ("task:\n  active_days: 9\n  zzz: 9", "8: task.zzz: unknown key."),
        ("home: /tmp", "6: home: unknown key."),
        ("task: {horizon_days: '90'}", "6: task.horizon_days: must be a valid integer; found '90'."),
        ("task: {horizon_days: true}", "6: task.horizon_days: must be a valid integer; found True."),
        ("task: {horizon_days: 0}", "6: task.horizon_days: must be greater than or equal to 1; found 0."),
        ("task:\n  windows_days:\n  - 7\n  - x", "9: task.windows_days.1: must be a valid integer; found 'x'."),
        ("task: {windows_days: [7, 7]}", "6: task.windows_days: windows_days must be increasing and without repeats."),
        ("lapse: {after_gaps: 5}", "6: lapse: gone_after_gaps must not be smaller than after_gaps."),
        ("lapse: 3", "6: lapse: here belongs a mapping of keys."),
        ("train: {as_ofs: always}", "6: train.as_ofs: must be 'auto' or a list; found 'always'."),
        ("train: {as_ofs: [2011-13-01]}", "6: train.as_ofs.0: month must be in 1..12; found '2011-13-01'."),
        (
            "complete_until: 20111210",
            "6: complete_until: a day is written YYYY-MM-DD, as in 2011-12-10; found 20111210.",
        ),
        ("list: {budget: .inf}", "6: list.budget: must be a finite number; found inf."),
        ("list: {suppress: 5}", "6: list.suppress: must be a path; found 5."),
        ("memory_limit: ''", "6: memory_limit: must have at least 1 character; found ''."),
        ("currency: euro", "6: currency: 'euro' does not fit: ISO code of all amounts."),
        (
            "engine: sparkk",
            "6: engine: 'sparkk' does not fit: duckdb, or duckdb:///file.db or postgresql://user:password@host/db "
            "to read tables from there; or spark, or spark://host:port.",
        ),
        ("task: {}\ntask: {}", "7: task: this key stands twice."),
        ("x: [{a: 1, a: 2}]", "6: a: this key stands twice."),
        ("a: [1", "7: not YAML: expected ',' or ']', but got '<stream end>'."),
        ("\ta", "6: not YAML: found character '\\t' that cannot start any token."),
        ("---\na: 1", "6: not YAML: expected a single document in the stream, but found another document."),
        ("\0", "6: not YAML: special characters are not allowed."),
        ("1: 2", "6: 1: a key must be text."),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(more, said, refused):
    assert refused(f"{SHOP}{more}\n") == f"shop.yaml:{said}"


def test_an_unknown_time_zone_is_refused_with_near_ones(refused):
    said = refused(SHOP + "timezone: Europe/Berln\n")
    assert said.startswith("shop.yaml:6: timezone: 'Europe/Berln' is no time zone; did you mean 'Europe/Berlin'")


def test_all_mistakes_are_told_together_in_the_order_of_the_file(refused):
    said = refused(SHOP + "currency: 5\ntask: {horizon_days: x, active_days: y}\nengin: duckdb\n")
    assert [line.split(": ")[0:2] for line in said.splitlines()] == [
        ["shop.yaml:6", "currency"],
        ["shop.yaml:7", "task.active_days"],
        ["shop.yaml:7", "task.horizon_days"],
        ["shop.yaml:8", "engin"],
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "shop.yaml:1: a config is a mapping of keys such as project, tables, task."),
        ("- a", "shop.yaml:1: a config is a mapping of keys such as project, tables, task."),
        ("project: shop", "shop.yaml:1: tables: this key is needed."),
        ("tables: &t {orders: *t}", "shop.yaml:1: not a config: something in it is part of itself."),
        ("tables: &t {orders: {a: *t}}", "shop.yaml:1: not a config: something in it is part of itself."),
        (b"\xff\xfep\0", "config shop.yaml is not UTF-8 text."),
        ("project: Müller".encode("latin-1"), "config shop.yaml is not UTF-8 text."),
    ],
)
def test_what_is_no_config_is_refused_in_one_sentence(text, said, refused):
    assert refused(text) == said


def test_a_config_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config .*none\.yaml cannot be read: No such file or directory\."):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory\."):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("orders: {source: a, columns: {customer_id: i}}", "orders.columns: orders need ordered_at and amount too."),
        (
            "orders: {source: a, columns: {customer_id: i, ordered_at: o, amount: p, chanel: c}}",
            "orders.columns: 'chanel' is no column of orders; did you mean 'channel'?",
        ),
        (
            "orders: {source: a, query: b, columns: {customer_id: i, ordered_at: o, amount: p}}",
            "orders: give either source or query.",
        ),
        ("orders: {columns: {customer_id: i, ordered_at: o, amount: p}}", "orders: give either source or query."),
        (
            "orders: {source: a, columns: {customer_id: i, ordered_at: o, amount: 3}}",
            "orders.columns.amount: must be a valid string; found 3.",
        ),
        (
            "customers: {source: a, columns: {customer_id: i, Age: a, age: b}}",
            "customers.columns: 'age' could not be told from 'Age'.",
        ),
        (
            "customers: {source: a, columns: {customer_id: i, created_day: a}}",
            "customers.columns: 'created_day' could not be told from 'created_day'.",
        ),
        ("customrs: {}", "customrs: unknown key; did you mean 'customers'?"),
    ],
)
def test_a_table_is_refused_with_its_line(table, said, refused):
    text = SHOP.split("  orders:", maxsplit=1)[0] + f"  {table}\n"
    text += "" if table.startswith("orders") else "  orders:" + SHOP.split("  orders:")[1]
    assert refused(text) == f"shop.yaml:3: tables.{said}"


def test_an_unknown_meaning_is_refused_with_the_nearest(refused):
    events = "  events: {source: e, columns: {customer_id: i, occurred_at: o, event_type: t}, meanings: {vist: [a]}}\n"
    said = refused(SHOP + events)
    assert said == "shop.yaml:6: tables.events.meanings: 'vist' is no known meaning; did you mean 'visit'?"


def test_customers_may_have_any_attribute(load):
    customers = "  customers: {source: c, columns: {customer_id: i, contact_email: e, shoe_size: s}}\n"
    assert list(load(SHOP + customers).tables.customers.columns) == ["customer_id", "contact_email", "shoe_size"]


@pytest.mark.parametrize("model", MODELS)
def test_every_key_has_a_description(model):
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_commented_config_names_every_key_with_its_description():
    written = commented()
    for model in set(MODELS) - {Condition, SegmentRule}:  # the rules stand there as they are
        for name, field in model.model_fields.items():
            if not field.exclude:
                assert f"{name}:" in written
                assert f"# {field.description}" in written


@pytest.mark.parametrize("model", [Lapse, ListPlan, SegmentRules, Task, Tracking, Train])
def test_a_commented_part_is_yaml_and_says_the_defaults(model):
    assert model.model_validate(yaml.safe_load(commented(model))) == model()


def filled_in():
    """Fill the gaps of the commented config, as a person would."""
    written = commented().replace("project: …", "project: shop").replace("…", "x")
    return written.replace("source:", "source: a.csv")


def test_the_commented_config_works_once_its_gaps_are_filled_in(load):
    config = load(filled_in())
    assert config.tables.orders.columns == {"customer_id": "x", "ordered_at": "x", "amount": "x"}
    for part in ("task", "lapse", "segments", "train", "list", "tracking", "destinations"):
        assert getattr(config, part) == Config.model_fields[part].default


def test_optional_tables_are_there_once_they_are_no_comments(load):
    optional = r"(?m)^  # (?=# |  |events:|customers:|contacts:|spend:)"
    config = load(re.sub(optional, "  ", filled_in()))
    assert list(config.tables.named()) == list(COLUMNS)
    assert set(config.tables.events.meanings) < set(MEANINGS)


def test_channels_of_a_list_are_those_of_the_playbook(load):
    from clm_ml.config import CHANNELS
    from clm_ml.lifecycle import playbook

    assert {play.channel for play in playbook().values()} <= set(CHANNELS)
    own = load(SHOP + "list: {capacity: {letter: 3, phone: 0}}\nplaybook: {at_risk: {channel: letter}}")
    assert own.list.capacity == {"letter": 3, "phone": 0}
    assert load(SHOP + "list: {holdout_share: auto}").list.holdout_share == "auto"


def test_what_was_found_is_shown_in_part_if_it_is_long(refused):
    assert refused(f"{SHOP}currency: {'x' * 5000}\n").endswith(
        f": currency: '{'x' * 80}…' does not fit: ISO code of all amounts."
    )
    assert len(refused(f"{SHOP}timezone: {'x' * 5000}\n")) < 200
    assert len(refused(f"{SHOP}train: {{seed: {'x' * 5000}}}\n")) < 200


def test_no_machine_has_a_million_threads(refused):
    assert refused(f"{SHOP}threads: 1000000\n").endswith("threads: must be less than or equal to 1024; found 1000000.")
