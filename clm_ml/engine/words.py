"""Turns what DuckDB says about a person's files, memory or disk into one sentence without a row in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb

from clm_ml.errors import DataError

__all__ = ["first_sentence", "in_words"]

#: Told by what the files hold; any other error of the engine is a bug of ours and keeps its traceback.
_OF_THE_DATA = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.SerializationException,
    duckdb.TypeMismatchException,
)
_MEMORY = "memory or room to spill ran out; raise memory_limit, or give temp_dir a folder with more room"
_DISK = "the disk is full; make room, or give temp_dir another folder"

#: What a message of the engine means; {0} is what the pattern found in it.
_MEANINGS = (
    (r"(?s)CSV Error on Line: (\d+).*unterminated quote", "line {0} opens a quote that is not closed"),
    (r"(?s)CSV Error on Line: (\d+).*Maximum line size", "line {0} is too long"),
    (r"not utf-8 encoded", "it is not UTF-8 text"),
    (r"(?s)CSV Error on Line: (\d+).*Expected Number of Columns", "line {0} has more or fewer values than the header"),
    (r"CSV Error on Line: (\d+)", "line {0} cannot be read as CSV"),
    (r"CSV Parser", "it cannot be read as CSV; its lines must all end in the same way"),
    (r"No magic bytes|too small to be a Parquet", "it is no Parquet file, or only a part of one"),
    (r"Failed to read file|[Cc]orrupt|TProtocol|[Dd]ecompress|don't know what type", "it is damaged"),
)
_MEANINGS_OF_IO = (
    (r"GZIP", "it is no gzip file, or only a part of one"),
    (r"No space left on device", _DISK),
)

#: Where a message names a file; of a CSV that is below the line it quotes.
_FILES = (r"(?m)^  file = (.+)$", r"""(?m)(?:[Ff]ile ["'](.+?)["']|stream: (.+)$)""")


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Let errors that a person can mend leave as a `DataError` that starts with `what`.

    Raises:
        DataError: if the files cannot be read or written, or memory or disk ran out.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise DataError(f"{what}: {_MEMORY}.") from None
    except duckdb.IOException as error:
        raise DataError(f"{what}: {_meaning(error, _MEANINGS_OF_IO) or first_sentence(error)}.") from None
    except OSError as error:  # what ends a stream of Arrow: an error of the engine's, by its words
        if not (told := re.match(r"(Out of Memory|IO) Error: ", str(error))):
            raise
        is_memory = told[1] == "Out of Memory"
        meaning = _MEMORY if is_memory else _meaning(error, _MEANINGS_OF_IO) or first_sentence(error)
        raise DataError(f"{what}: {meaning}.") from None
    except duckdb.Error as error:  # the class itself: what a library of the engine's says of a damaged file
        if type(error) is not duckdb.Error and not isinstance(error, _OF_THE_DATA):
            raise
        meaning = _meaning(error, _MEANINGS) or "a value does not have the type of its column"
        raise DataError(f"{what}: {meaning}.") from None


def _meaning(error: Exception, meanings: Iterable[tuple[str, str]]) -> str | None:
    """Find what a message means, and the file it is about; its own words may hold a row and stay here."""
    message = str(error)
    for pattern, meaning in meanings:
        if found := re.search(pattern, message):
            return ("" if meaning == _DISK else _file(message)) + meaning.format(*found.groups())
    return None


def _file(message: str) -> str:
    names = re.findall(_FILES[0], message) if "CSV" in message else re.findall(_FILES[1], message)
    return f"{''.join(names[-1])}: " if names else ""


def first_sentence(error: Exception) -> str:
    r"""Give what the engine says first, without the error's kind: of a config's text, not of rows.

    >>> first_sentence(ValueError("Binder Error: No function matches 'abs(VARCHAR)'. You might add casts.\nLINE 1"))
    "No function matches 'abs(VARCHAR)'"
    """
    line = re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", str(error).splitlines()[0])
    return re.split(r"[.!] +(?=[A-Z])", line)[0].rstrip(".!")
