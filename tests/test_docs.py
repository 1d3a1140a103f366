"""The site: whatever there is, is told; a link that leads nowhere stops the build; what pages show would run."""

from __future__ import annotations

import html
import importlib.util
import inspect
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import clm_ml
from clm_ml import errors
from clm_ml.cli import app
from clm_ml.config import Config, Inputs, Task
from clm_ml.config.contract import COLUMNS, MEANINGS, RATED
from clm_ml.features import catalogue
from clm_ml.lifecycle import kpi_catalogue
from clm_ml.pipeline.listing import COLUMNS as LISTED
from clm_ml.pipeline.scores import scores_schema

HOME = Path(clm_ml.__file__).parent.parent
DOCS = HOME / "docs"
if not DOCS.exists():
    pytest.skip("there are no docs beside an installed package", allow_module_level=True)

BESIDE = ("README.md", "GLOSSARY.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md")
PAGES = sorted([*(HOME / name for name in BESIDE), *DOCS.rglob("*.md")])
VERBS = typer.main.get_command(app).commands
FEATURES = catalogue(Task(), Inputs({name: (name,) for name in MEANINGS}, RATED, has_contacts=True))


def named(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


# What the pages are made of


def table(text: str, heading: str) -> list[list[str]]:
    """Give the cells of the first table below a heading, without its head."""
    rows = re.findall(r"^\|(.*)\|$", text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0], re.MULTILINE)
    return [[cell.strip().strip("`") for cell in row.split("|")] for row in rows[2:]]


def test_the_columns_of_scores_are_those_that_are_written() -> None:
    rows = table(read("reference/columns.md"), "Scores")
    assert [(name, kind) for name, kind, _ in rows] == [(field.name, str(field.type)) for field in scores_schema()]


def test_the_columns_of_lists_are_those_that_are_written() -> None:
    assert [row[0] for row in table(read("reference/columns.md"), "Lists")] == LISTED


def test_every_public_name_is_on_the_page_of_python() -> None:
    told = re.findall(r"^\.\. auto\w+:: clm_ml\.(\w+)(?:\(\))?$", read("reference/python.md"), re.MULTILINE)
    assert sorted(name for name in told if name in clm_ml.__all__) == clm_ml.__all__


def test_every_error_is_on_the_page_of_python() -> None:
    named = {name for name in errors.__all__ if inspect.isclass(getattr(errors, name))}
    assert [name for name in named if f".{name}()" not in read("reference/python.md")] == []


def told() -> Any:
    """Load what makes the catalogues of the reference."""
    spec = importlib.util.spec_from_file_location("telling", DOCS / "_ext" / "telling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogues_tell_what_there_is() -> None:
    made = {name: make() for name, make in told().CATALOGUES.items()}
    assert [one.name for one in FEATURES if f"| `{one.name}` | {one.meaning}" not in made["features"]] == []
    assert [
        one.name for one in kpi_catalogue() if f"| `{one.name}` | {one.unit} | {one.meaning}" not in made["kpis"]
    ] == []
    assert [name for name in sum(sum(COLUMNS.values(), ()), ()) if f"`{name}`" not in made["inputs"]] == []
    codes = {thing.exit_code for name in errors.__all__ if inspect.isclass(thing := getattr(errors, name))}
    assert {int(row) for row in re.findall(r"^\| (\d+) \|", made["exit-codes"], re.MULTILINE)} == {0, *codes}


def test_a_key_is_told_with_what_it_may_be_and_its_default() -> None:
    keys = told().KEYS
    assert (keys["list.holdout_share"].kind, keys["list.holdout_share"].default) == (
        "`auto` or number from 0, below 1",
        "default `0.1`",
    )
    assert keys["task.windows_days"].kind == "list of whole number from 1, to 36500"
    assert keys["segments.value_shares"].kind == "list of 2, each number above 0, below 1"
    assert keys["tables.orders.columns"].default == "needed"
    assert keys["playbook.SEGMENT.contact_cost"].kind == "number above 0, or empty"


# What the pages show


def commands() -> Iterator[tuple[str, list[str]]]:
    """Give every command that a page shows, with where it stands."""
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.replace("\\\n", "").splitlines():
                if line.startswith("$ ") and (found := re.search(r"(?<![\w/-])(?:\.venv/bin/)?clm-ml .*", line)):
                    yield f"{named(page)}: {line}", shlex.split(found.group(), comments=True)[1:]


def test_every_command_that_is_shown_would_be_understood() -> None:
    wrong = []
    for where, (verb, *rest) in commands():
        known = {option for taken in VERBS[verb].params for option in taken.opts} if verb in VERBS else {"--version"}
        if verb not in (*VERBS, "--version") or [word for word in rest if word.startswith("--") and word not in known]:
            wrong.append(where)
    assert wrong == []


TABLES = {
    "orders": {"source": "orders.csv", "columns": {"customer_id": "who", "ordered_at": "at", "amount": "money"}},
    "customers": {"source": "customers.csv", "columns": {"customer_id": "who", "country": "country"}},
}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=named)
def test_every_yaml_that_is_shown_is_a_config_that_is_taken(page: Path) -> None:
    for block in blocks(page, "yaml"):
        said = yaml.safe_load(block)
        if "columns" in said or "jobs" in said:  # a destination, which `test_destinations` reads, or a workflow
            continue
        whole = {"project": "shop", **said, "tables": TABLES | said.get("tables", {})}
        assert Config.model_validate(whole)


def test_python_that_is_shown_names_what_there_is() -> None:
    shown = {
        name
        for page in PAGES
        for block in blocks(page, "python")
        for name in re.findall(r"\bclm\.(?!yaml)(\w+)", block)
    }
    assert shown <= set(clm_ml.__all__)


# Links


def slug(heading: str) -> str:
    """Name a heading as repositories do."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{named(page)} leads to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", included(path), re.MULTILINE)
            assert anchor in map(slug, headings), f"{named(page)} leads to {target}"


def included(path: Path) -> str:
    """Read a page, or the file that it includes."""
    text = path.read_text(encoding="utf-8")
    found = re.fullmatch(r"```\{include\} (\S+)\n```\n?", text)
    return (path.parent / found.group(1)).read_text(encoding="utf-8") if found else text


def numbers(text: str) -> set[str]:
    found = re.findall(r"\d*\.\d+|\d[\d,]*", text)
    return {number.replace(",", "").lstrip("0") for number in found}


@pytest.mark.parametrize("page", sorted((DOCS / "methods").glob("*.md")), ids=named)
def test_a_figure_in_a_method_note_is_one_that_the_benchmarks_print(page: Path) -> None:
    _, _, measured = page.read_text(encoding="utf-8").partition("## Measured\n")
    figures = numbers("\n".join(row for row in measured.splitlines() if row.startswith("|")))
    assert figures <= numbers((HOME / "benchmarks" / "README.md").read_text(encoding="utf-8"))


# The site itself


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the site is built from, so that a page can be added."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(DOCS, home / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    (home / "benchmarks").mkdir()
    for name in BESIDE:
        shutil.copy(HOME / name, home / name)
    return home


def build(home: Path, out: str, *pages: Path) -> subprocess.CompletedProcess[str]:
    flags = ["-W", "--keep-going", "-n", "-q", "-b", "html", "-d", str(home / "doctrees")]
    asked = [sys.executable, "-m", "sphinx", *flags, str(home / "docs"), str(home / out), *map(str, pages)]
    return subprocess.run(asked, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(copy: Path) -> Path:
    """Build the site once, as `make docs` does."""
    built = build(copy, "site")
    assert (built.returncode, built.stderr) == (0, "")
    return copy / "site"


def inventory(site: Path) -> dict[str, set[str]]:
    """Read what can be linked to, by kind: four lines in words, then a compressed line each."""
    text = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    there: dict[str, set[str]] = {}
    for line in text.splitlines():
        name, kind, *_ = line.split()
        there.setdefault(kind, set()).add(name)
    return there


@pytest.mark.slow
def test_every_command_key_and_name_can_be_linked_to(site: Path) -> None:
    there = inventory(site)
    options = {f"clm-ml-{name}.{option}" for name, verb in VERBS.items() for one in verb.params for option in one.opts}
    spared = {name for name in options if name.endswith("--help") or not name.split(".")[1].startswith("-")}
    assert options - spared - there["std:cmdoption"] == set()
    assert set(VERBS) == there["std:verb"]
    assert set(told().KEYS) == there["std:confval"] | there["std:part"]
    python = set().union(*(names for kind, names in there.items() if kind.startswith("py:")))
    assert {f"clm_ml.{name}" for name in clm_ml.__all__} <= python


@pytest.mark.slow
def test_every_feature_column_kpi_and_exit_code_is_on_its_page(site: Path) -> None:
    pages = {name: (site / "reference" / f"{name}.html").read_text(encoding="utf-8") for name in ("features", "kpis")}
    assert [one.name for one in FEATURES if f">{one.name}</span>" not in pages["features"]] == []
    assert [one.name for one in kpi_catalogue() if f">{one.name}</span>" not in pages["kpis"]] == []
    codes = html.unescape((site / "reference" / "exit_codes.html").read_text(encoding="utf-8"))
    for name in errors.__all__:
        thing = getattr(errors, name)
        if inspect.isclass(thing) and thing is not errors.ClmError:
            assert re.search(rf"<p>{thing.exit_code}</p></td>\s*<td>.*?{name}.*?{thing.__doc__}", codes, re.DOTALL)


@pytest.mark.slow
def test_a_page_asks_no_other_host_for_anything(site: Path) -> None:
    asking = re.compile(
        r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=\"(?:https?:)?//|@import|url\(\s*[\"']?http"
    )
    files = [path for kind in ("html", "css") for path in site.rglob(f"*.{kind}")]
    assert len(files) > 40
    assert [path.name for path in files if asking.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
def test_what_leads_nowhere_stops_the_build(site: Path, copy: Path) -> None:
    page = copy / "docs" / "broken.md"
    wrong = {
        "[a page](guides/nowhere.md)": "guides/nowhere.md",
        "[a heading](guides/lists.md#nowhere)": "nowhere",
        "`list.budgte`": "list.budgte",
        "`clm-ml export --planet`": "export --planet",
        "`clm-ml trian`": "trian",
        "`clm.trian`": "clm_ml.trian",
    }
    right = "[a page](guides/lists.md) `list.budget` `clm-ml export --plot` `clm-ml train` `clm.train` `list.csv`"
    page.write_text("---\norphan: true\n---\n# Broken\n\n" + "\n\n".join([right, *wrong]), encoding="utf-8")
    built = build(copy, "broken", page)
    page.unlink()
    assert built.returncode == 1
    warned = [line for line in built.stderr.splitlines() if "broken.md" in line]
    assert len(warned) == len(wrong)
    assert [what for what in wrong.values() if not any(what in line for line in warned)] == []
