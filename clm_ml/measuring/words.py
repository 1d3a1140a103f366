"""What was measured, in sentences, and as a notebook shows it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from clm_ml.measuring.differing import shown
from clm_ml.measuring.effects import Effect
from clm_ml.measuring.intervals import Interval

if TYPE_CHECKING:
    from clm_ml.measuring.measured import Measured

__all__ = ["html", "lines", "rows"]


def lines(measured: Measured) -> list[str]:
    """Tell the verdict and its figures, a sentence each."""
    told = [f"{measured.campaign}: {measured.verdict.word}. {_capital(measured.verdict.sentence)}"]
    if measured.total is not None:
        told += _effect(measured.total, measured.currency)
    if measured.adjusted:
        told.append(f"Adjusted for what was known before (Lin, HC2): {', '.join(_adjusted(measured))}.")
    told += [f"{play.effect.name}: {play.verdict.word}. {_capital(play.verdict.sentence)}" for play in measured.plays]
    if measured.differing is not None:
        told.append(measured.differing.sentence)
    return told + list(_arms(measured))


def _effect(effect: Effect, currency: str) -> Iterator[str]:
    contacted, held = effect.contacted, effect.holdout
    rates = f"{contacted.rate:.2%} of {contacted.customers:,} bought, {held.rate:.2%} of the"
    yield (f"{rates} {held.customers:,} held out: {_points(effect.rate)} points, or {_signed(effect.buyers)} buyers.")
    if effect.revenue is None:
        return
    money = f"Revenue {_signed(effect.revenue)} {currency}".rstrip()
    if effect.profit is not None:
        cost = f"{effect.terms.cost:,.0f} {currency}".rstrip()
        money += f"; profit {_signed(effect.profit)} {currency}".rstrip()
        money += f" at a margin of {effect.terms.margin:.0%}, after {cost} for contacting"
    yield f"{money}."
    if (back := effect.return_on_spend) is not None:
        yield f"Each {currency or 'unit'} spent brought {_plain(back)} of revenue."


def _adjusted(measured: Measured) -> Iterator[str]:
    for name, figure in measured.adjusted.items():
        yield f"{_signed(figure)} {name if name == 'buyers' else measured.currency + ' revenue'}"


def _arms(measured: Measured) -> Iterator[str]:
    """Tell what the arms are good for."""
    if measured.ratio is None and measured.detectable is not None:
        yield "Whether as many were held out as was meant was not checked: nobody told what was."
    elif measured.ratio is not None and measured.ratio.fits:
        shares = f"{measured.ratio.found_share:.1%} are held out, {measured.ratio.meant_share:.1%} were meant"
        yield f"{shares} (exact binomial test, p {shown(measured.ratio.chance)})."
    if measured.detectable is not None:
        rise = f"a rise of {100 * measured.detectable:.2f} points"
        yield f"The smallest that these arms tell from nothing, four times in five, is {rise}."


def _signed(figure: Interval) -> str:
    return f"{figure.value:+,.0f} [{figure.low:+,.0f}, {figure.high:+,.0f}]"


def _points(rate: Interval) -> str:
    return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*(100 * share for share in (rate.value, rate.low, rate.high)))


def _plain(figure: Interval) -> str:
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def rows(measured: Measured) -> list[tuple[str, ...]]:
    """Lay out what each line brought, its heading first; while nothing is compared, the arms."""
    if measured.total is None:
        return [("arm", "customers"), *((name, f"{arm.customers:,}") for name, arm in measured.arms.items())]
    effects = [measured.total, *(play.effect for play in measured.plays), *measured.segments]
    names = ["all" if len(effects) > 1 else measured.total.name, *(effect.name for effect in effects[1:])]
    told = [
        (name, _points(effect.rate), _or_nothing(effect.revenue), _or_nothing(effect.profit))
        for name, effect in zip(names, effects, strict=True)
    ]
    return [("contacted", "more buyers, points", "more revenue", "profit"), *told]


def _or_nothing(figure: Interval | None) -> str:
    return "–" if figure is None else _signed(figure)


def html(measured: Measured) -> str:
    """Show it in a notebook: the verdict, the figures of each line, and what to bear in mind."""
    first, *others = (escape(line) for line in lines(measured))
    items = "".join(f"<li>{line}</li>" for line in (*others, *map(escape, measured.warnings)))
    head, *body = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows(measured))
    told = "".join(f"<tr>{row}</tr>" for row in body)
    head = head.replace("td>", "th>")
    return f"<p><b>{first}</b></p><table><thead><tr>{head}</tr></thead><tbody>{told}</tbody></table><ul>{items}</ul>"
