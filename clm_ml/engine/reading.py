"""How values are read: ids and words as text, money as whole hundredths, time as whole days and seconds.

Each function of a column writes SQL; what cannot be read becomes null there, and the front door counts it.
"""

from __future__ import annotations

from clm_ml.engine.expression import as_literal, is_text_type
from clm_ml.errors import ConfigError

__all__ = ["Reading"]

_BLANKS = as_literal(" \t\r\n\u00a0")
_DAY = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_NAIVE = as_literal(rf"{_DAY}([T ]\d{{1,2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?)?")
_OFFSET = r"[+-](0\d|1[0-5])(:?[0-5]\d)?"  # no place on earth is further from UTC than 15:59
_AWARE = as_literal(rf"({_DAY}[T ]\d{{1,2}}:\d{{2}}(:\d{{2}}(\.\d+)?)?) ?(Z|UTC|{_OFFSET})")
_LAST_YEAR = 9998  # 9999-12-31 says "never" in many a table


def _text(sql: str, kind: str) -> str:
    return sql if kind == "VARCHAR" else f"CAST({sql} AS VARCHAR)"


def _floored(whole: str, by: int) -> str:
    """Divide a whole number downwards; a cast, and `epoch_ms`, would round the last of a day up, into the next."""
    return f"({whole} // {by} - if({whole} % {by} < 0, 1, 0))"


class Reading:
    """What every column gets on its way in."""

    def __init__(self, zone: str) -> None:
        self._zone = zone

    def as_text(self, sql: str, kind: str) -> str:
        """Read a word as text without blanks around it; whole floats lose their `.0`; blank and NaN become null."""
        if kind in ("DOUBLE", "FLOAT"):
            whole = f"CAST(TRY_CAST({sql} AS HUGEINT) AS VARCHAR)"
            return f"CASE WHEN {sql} = trunc({sql}) THEN {whole} ELSE CAST({sql} AS VARCHAR) END"
        if not is_text_type(kind):
            return f"CAST({sql} AS VARCHAR)"
        text = _text(sql, kind)
        plain = f"{text} BETWEEN '!' AND '~' AND ({text})[-1] BETWEEN '!' AND '~'"  # most are: trimming costs more
        return f"CASE WHEN {plain} THEN {text} ELSE nullif(trim({text}, {_BLANKS}), '') END"

    def as_id(self, sql: str, kind: str) -> str:
        """Read an id as text: `007` stays, `17850.0` is `17850`, as a float that went through a CSV is written."""
        text = self.as_text(sql, kind)
        whole = rf"regexp_replace({text}, '^([1-9][0-9]*)[.]0+$', '\1')"
        if not is_text_type(kind):
            return whole
        raw = _text(sql, kind)
        plain = f"{raw} BETWEEN '!' AND '~' AND ({raw})[-1] BETWEEN '1' AND '~'"  # most are: no end to be looked at
        return f"CASE WHEN {plain} THEN {raw} WHEN contains({raw}, '.') THEN {whole} ELSE {text} END"

    def as_number(self, sql: str) -> str:
        """Read a finite number; anything else becomes null."""
        number = f"TRY_CAST({sql} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"

    def as_minor(self, sql: str) -> str:
        """Read money as a whole number of hundredths, so that sums are exact; beyond 10^13 is no money.

        An engine is free to reckon the whole number before it asks the condition, and NaN has none: that is no error.
        """
        number = f"TRY_CAST({sql} AS DOUBLE)"
        return f"CASE WHEN abs({number}) < 1e13 THEN TRY_CAST(round({number} * 100) AS BIGINT) END"

    def as_claim(self, sql: str, kind: str) -> str:
        """Read a yes or no; anything else becomes null."""
        if kind == "BOOLEAN":
            return sql
        text = f"lower({self.as_text(sql, kind)})"
        yes, no = "('true','t','yes','y','1')", "('false','f','no','n','0')"
        return f"CASE WHEN {text} IN {yes} THEN true WHEN {text} IN {no} THEN false END"

    def as_consent(self, sql: str, kind: str) -> str:
        """Read a consent: what is said, but is no yes, is a no; where nothing is said, null."""
        return f"CASE WHEN {self.is_given(sql, kind)} THEN coalesce({self.as_claim(sql, kind)}, false) END"

    def is_given(self, sql: str, kind: str) -> str:
        """Say whether there is a value at all, readable or not; NaN and blank text are none."""
        if kind in ("DOUBLE", "FLOAT"):
            return f"({sql} IS NOT NULL AND NOT isnan({sql}))"
        if not is_text_type(kind):
            return f"({sql} IS NOT NULL)"
        text = _text(sql, kind)
        return f"({text} IS NOT NULL AND ({text} BETWEEN '!' AND '~' OR trim({text}, {_BLANKS}) <> ''))"

    def is_word(self, sql: str, kind: str) -> str:
        """Say whether a value can be read as a word (`as_text`): infinity is a value, but no word."""
        return f"(isfinite({sql}) IS TRUE)" if kind in ("DOUBLE", "FLOAT") else self.is_given(sql, kind)

    def as_instant(self, sql: str, kind: str, date_format: str | None, where: str) -> str:
        """Read an instant as a timestamp in the business time zone; the unreadable becomes null.

        Instants without an offset are taken to be in the business time zone already. Text is read as ISO has it
        (`2011-12-10`, `2011-12-10 08:26`, `2011-12-10T08:26:00Z`), or as `date_format` says; columns that are
        dates already need none.

        Raises:
            ConfigError: if a number is to be read as a date and no format says how.
        """
        if kind.startswith(("TIMESTAMP", "DATE", '"NULL"')):
            return self._in_years(self._local(sql, kind))
        if date_format is not None:
            read = f"try_strptime({self.as_text(sql, kind)}, {as_literal(date_format)})"
            written = f"TIMESTAMP{'TZ' if '%z' in date_format.lower() else ''}{'_NS' if '%n' in date_format else ''}"
            return self._in_years(self._local(read, written))
        if not is_text_type(kind):
            outer = kind.partition("(")[0]  # what a type is made of has names, and values, that are nobody's to show
            raise ConfigError(f"{where}: {outer} is no date; say how it is written with date_format, as %Y%m%d.")
        text = f"trim({_text(sql, kind)}, {_BLANKS})"
        aware = rf"replace(regexp_replace(upper({text}), {_AWARE}, '\1\4'), 'UTC', 'Z')"
        return self._in_years(
            f"(CASE WHEN regexp_full_match({text}, {_NAIVE}) THEN TRY_CAST({text} AS TIMESTAMP) "
            f"WHEN regexp_full_match(upper({text}), {_AWARE}) "
            f"THEN timezone({as_literal(self._zone)}, TRY_CAST({aware} AS TIMESTAMPTZ)) END)"
        )

    def _local(self, sql: str, kind: str) -> str:
        is_aware = "WITH TIME ZONE" in kind or kind.startswith("TIMESTAMPTZ")
        local = f"timezone({as_literal(self._zone)}, {sql})" if is_aware else sql
        if not kind.endswith("_NS"):
            return local if is_aware else f"CAST({local} AS TIMESTAMP)"
        return f"make_timestamp({_floored(f'epoch_ns({local})', 1000)})"

    def _in_years(self, instant: str) -> str:
        return f"CASE WHEN year({instant}) BETWEEN 1 AND {_LAST_YEAR} THEN {instant} END"

    def day_of(self, instant: str) -> str:
        """Count an instant's days since 1970-01-01."""
        return f"CAST(date_diff('day', DATE '1970-01-01', CAST({instant} AS DATE)) AS INTEGER)"

    def second_of(self, instant: str) -> str:
        """Count the seconds since 1970-01-01 that a clock on the wall shows: 86,400 a day, whatever the season."""
        return f"CAST({_floored(f'epoch_us({instant})', 1_000_000)} AS BIGINT)"
