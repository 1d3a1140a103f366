"""Each notebook runs from top to bottom, and its .ipynb is the .py's, without outputs."""

import ast
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted(Path(__file__).parents[1].joinpath("notebooks").glob("*.py"))


def test_there_is_a_notebook_to_start_from():
    assert {"quick_start", "closed_loop"} <= {path.stem for path in NOTEBOOKS}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom_and_shows_pictures(path, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for each other cost more than they bring
    notebook = jupytext.read(path)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_ipynb_beside_it_says_the_same_and_keeps_no_outputs(path):
    kept = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert [cell.source for cell in kept.cells] == [cell.source for cell in jupytext.read(path).cells]
    assert not any(cell.get("outputs") for cell in kept.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_defines_nothing_and_says_where_to_go_next(path):
    text = path.read_text(encoding="utf-8")
    defined = (ast.FunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, defined)]
    links = re.findall(r"\]\(([^)]+\.ipynb)\)", text)
    assert links
    assert [link for link in links if not path.with_name(link).exists()] == []
    assert "Where to go next" in jupytext.read(path).cells[-1].source


def test_the_readme_of_the_notebooks_names_each():
    text = NOTEBOOKS[0].with_name("README.md").read_text(encoding="utf-8")
    assert [path.stem for path in NOTEBOOKS if f"[{path.stem}]({path.stem}.ipynb)" not in text] == []
