"""What holds for the whole house: its names, its doors, its clock, its haste and its help."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import get_origin

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

import clm_ml
from clm_ml.cli import app
from clm_ml.config import Config, commented

HOUSE = Path(clm_ml.__file__).parent
VERBS = typer.main.get_command(app).commands
SOURCES = sorted(HOUSE.rglob("*.py"))
ROOMS = sorted(
    name for _, name, _ in pkgutil.walk_packages([str(HOUSE)], "clm_ml.") if name not in ("clm_ml.__main__",)
)
HEAVY = (
    "pandas", "numpy", "lightgbm", "mlflow", "duckdb", "narwhals", "sklearn", "rich", "pydantic", "pyarrow", "yaml",
    "scipy", "matplotlib", "jinja2",
)  # fmt: skip


def test_every_public_name_of_the_package_is_there_and_told() -> None:
    for name in clm_ml.__all__:
        assert inspect.getdoc(getattr(clm_ml, name)), name
    assert sorted(clm_ml.__all__) == clm_ml.__all__ == dir(clm_ml)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = clm_ml.trian


@pytest.mark.parametrize("name", ROOMS)
def test_every_room_says_what_it_is_and_what_it_offers(name: str) -> None:
    room = importlib.import_module(name)
    assert room.__doc__, name
    for public in room.__all__:
        thing = getattr(room, public)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing.__doc__, f"{name}.{public}"
            assert not thing.__doc__.startswith(f"{public}("), f"{name}.{public} is told by its fields only"


def test_no_room_is_named_after_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "base", "core", "constants", "misc"}
    assert not nothing & {part for path in SOURCES for part in path.relative_to(HOUSE).with_suffix("").parts}


def test_the_clock_is_never_read() -> None:
    clocks = {"today", "now", "utcnow", "time", "time_ns", "localtime", "gmtime"}
    owners = {"date", "datetime", "time", "Timestamp", "pd"}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in clocks:
                owner = node.func.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                assert name not in owners, f"{path.relative_to(HOUSE)}:{node.lineno} reads the clock"


def test_help_imports_nothing_heavy() -> None:
    told = f"import clm_ml.cli, sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    told = f"import clm_ml, sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_scoring_waits_for_no_library_that_only_learning_needs() -> None:
    rooms = "from clm_ml.pipeline import score; import clm_ml.model"
    told = f"import sys; {rooms}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert not {"lightgbm", "sklearn", "matplotlib", "mlflow"} & set(done.stdout.split())


def test_help_answers_at_once() -> None:
    """In the processor's time beyond Python's own start, since the wall's depends on who else is at work."""
    beyond = min(seconds("-m", "clm_ml", "--help") for _ in range(3)) - min(seconds("-c", "pass") for _ in range(3))
    assert beyond < 0.3


def seconds(*arguments: str) -> float:
    measure = (
        "import resource, subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); print(used.ru_utime + used.ru_stime)"
    )
    done = subprocess.run([sys.executable, "-c", measure, *arguments], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_all_it_takes_is_told_and_used(verb: str) -> None:
    command = VERBS[verb]
    helped = CliRunner().invoke(app, [verb, "--help"])
    assert helped.exit_code == 0
    assert command.help
    source = ast.parse(inspect.getsource(command.callback))
    used = {node.id for node in ast.walk(source) if isinstance(node, ast.Name)}
    for taken in command.params:
        if taken.name == "help":
            continue
        assert getattr(taken, "help", ""), f"{verb}: {taken.name} is not told"
        assert taken.name in used, f"{verb}: {taken.name} is offered and not used"


def test_every_verb_is_summed_up_in_one_whole_line() -> None:
    summary = CliRunner().invoke(app, ["--help"]).stdout
    for verb in VERBS:
        assert re.search(rf"^  {verb} +\S.*[^.]\.$", summary, re.MULTILINE), verb


def test_the_readme_names_every_verb() -> None:
    readme = HOUSE.parent / "README.md"
    if not readme.exists():
        pytest.skip("there is no README beside an installed package")
    text = readme.read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"clm-ml {verb}" not in text] == []


def test_every_key_of_the_config_is_told() -> None:
    text = commented()
    told = re.findall(r"^[ #]*# (\S.*)\n[ #]*(\w+):", text, re.MULTILINE)
    assert {key for _, key in told} >= set(keys(Config))
    assert not [key for words, key in told if words == "None"]
    assert CliRunner().invoke(app, ["config"]).stdout == text + "\n"


def keys(model: type[BaseModel]) -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        if not field.exclude:
            found.append(name)
            if get_origin(field.annotation) is dict:  # its keys are the shop's own words
                continue
            kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
            for kind in kinds:
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    found += keys(kind)
    return found


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert CliRunner().invoke(app, ["--version"]).stdout == f"clm-ml {version('clm-ml')}\n"


def test_whatever_takes_a_place_takes_it_as_text_too() -> None:
    taking = {
        (name, argument): str(told.annotation)
        for name in clm_ml.__all__
        if inspect.isfunction(verb := getattr(clm_ml, name))
        for argument, told in inspect.signature(verb).parameters.items()
        if "Path" in str(told.annotation)
    }
    assert len(taking) > 20
    assert [place for place, kinds in taking.items() if "str | Path" not in kinds] == []


def test_what_a_file_of_tests_makes_is_made_once(request: pytest.FixtureRequest) -> None:
    """Where two processes share the tests, each file goes to one of them."""
    is_shared = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@test_house") == is_shared
