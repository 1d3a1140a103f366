"""How a verb answers: words on stdout, bars on stderr, JSON for machines, and errors as one sentence."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from clm_ml.artifacts import json_text
from clm_ml.errors import ClmError, DataError

__all__ = ["Answer", "answering"]


class Answer:
    """Collects what a verb has to say, and shows how far it is.

    Rows of people are shown on a terminal only (`shows_people`): what goes elsewhere ends up in a scheduler's log.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.shows_people = sys.stdout.isatty()
        self._facts: dict[str, Any] = {}
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def say(self, text: str = "") -> None:
        """Tell a person; machines that asked for JSON are not told."""
        self.stop_bars()
        if not self.as_json:
            _tell_whoever_listens(text + "\n")

    def warn(self, text: str) -> None:
        """Warn on stderr, whoever reads stdout."""
        self.stop_bars()
        typer.echo(f"warning: {text}", err=True)

    def tell(self, facts: dict[str, Any]) -> None:
        """Add to the JSON."""
        self._facts |= facts

    def progress(self, step: str, done: int, total: int) -> None:
        """Show a bar a step on a terminal; nothing elsewhere."""
        if not sys.stderr.isatty():
            return
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        if step not in self._tasks:
            for earlier in self._tasks.values():
                self._bars.update(earlier, total=1, completed=1)
            self._tasks[step] = self._bars.add_task(step, count="")
        known, count = (total, f"{done:,} of {total:,}") if total > 1 else (done or None, "")
        self._bars.update(self._tasks[step], completed=done, total=known, count=count)

    def stop_bars(self) -> None:
        """Take the bars away, so that words stand alone."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks = None, {}

    def finish(self) -> None:
        """Print the JSON, if it was asked for."""
        self.stop_bars()
        if self.as_json and self._facts:
            _tell_whoever_listens(json_text(self._facts))


def _tell_whoever_listens(text: str) -> None:
    """Write to stdout; if whoever listened has gone, as `head` does, the work goes on without them."""
    try:
        typer.echo(text, nl=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def answering(debug: bool, as_json: bool = False) -> Iterator[Answer]:
    """Let a verb answer; a `ClmError` becomes its sentence and exit code, anything else a bug report in a file."""
    answer = Answer(as_json)
    try:
        yield answer
        answer.finish()
    except ClmError as error:
        answer.finish()
        if debug:
            raise
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        answer.stop_bars()
        typer.echo("stopped; nothing half-written was kept.", err=True)
        raise typer.Exit(130) from None
    except typer.Exit:
        raise
    except Exception as error:
        answer.stop_bars()
        if debug:
            raise
        if (failure := _of_the_engine(error)) is not None:
            typer.echo(f"error: {failure}.", err=True)
            raise typer.Exit(DataError.exit_code) from None
        typer.echo(
            f"error: a bug in clm-ml ({type(error).__name__}); its traceback is in {_kept_traceback()}.", err=True
        )
        raise typer.Exit(1) from None


def _of_the_engine(error: Exception) -> str | None:
    """Say what failed if an engine outside of this process did, at whatever moment."""
    if "pyspark" not in sys.modules:
        return None
    from clm_ml.engine import spark_failure  # noqa: PLC0415

    return spark_failure(error)


def _bars() -> Any:
    """Make the bars, which leave nothing behind; a step whose end is not known swings to and fro."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description:>16}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[count]}"),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _kept_traceback() -> str:
    """Keep the traceback for whoever mends it, readable by its owner only."""
    with tempfile.NamedTemporaryFile("w", prefix="clm-ml-bug-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return file.name
