"""Cells of a column of numbers, with the marks that people write them with, as float64."""

import re

import numpy as np

from .step import SeriesError
from .times import short

MISSING = frozenset(
    ["", "na", "n/a", "n.a.", "nan", "null", "none", "nil", "-", "--", "?", ".", "..", "#n/a", "#na", "#value!", "<na>"]
)
_SPACES = "\u0020\u00a0\u2009\u202f'\u2019"  # between thousands
_MARKS = re.compile(r"^[$€£¥₹%\s]+|[$€£¥₹%\s]+$|(?<=^[-+(])[$€£¥₹]\s*")
_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_GROUPED = {mark: re.compile(rf"[-+]?\d{{1,3}}(?:[{re.escape(mark)}]\d{{3}})+") for mark in (",", ".", _SPACES)}


def parse_numbers(cells, name, lines, *, missing=(), decimal=None, comma_hint=False, notes=None):
    """`cells` (strings, which stand in the `lines` of the file) as float64, NaN where missing.

    Currency and percent signs are dropped, thousands may be apart by comma, point, space or apostrophe, numbers in
    parentheses are negative. The decimal mark is the one with which all cells are numbers.

    Parameters
    ----------
    missing : strings that stand for a missing value, besides the usual ones; a number stands for all that equal it
    decimal : "." or ",", optional
        The decimal mark, where the column can be read both ways.
    comma_hint : bool
        Cells are divided by semicolons: 1,234 is then read as a fraction.
    notes : list, which gets what had to be assumed

    Raises
    ------
    SeriesError
    """
    values = np.full(len(cells), np.nan)
    absent = {text.strip().lower() for text in missing}
    numbers_absent = [number for number in map(_float, absent) if number is not None]
    present = [i for i, cell in enumerate(cells) if cell.lower() not in MISSING and cell.lower() not in absent]
    stripped = [_unmarked(cells[i]) for i in present]
    mark = decimal or _decimal_mark(stripped, comma_hint, notes, name)
    for i, text in zip(present, stripped):
        number = _number(text, mark)
        if number is None:
            raise SeriesError(
                f"line {lines[i]}: column {name!r} has {short(cells[i])}, which is not a number; correct it, "
                f"choose another column, or give --missing {_quoted(cells[i])} if it stands for no value"
                + (" (or --decimal , for a decimal comma)" if "," in cells[i] and mark == "." else "")
            )
        if not np.isfinite(number):
            raise SeriesError(
                f"line {lines[i]}: column {name!r} has {short(cells[i])}, which is not finite; correct it, or give "
                f"--missing {_quoted(cells[i])} and --fill"
            )
        values[i] = number
    for number in numbers_absent:
        values[values == number] = np.nan
    return values


def _unmarked(cell):
    """`cell` without signs of money and percent, a minus sign as ASCII has it."""
    text = _MARKS.sub("", cell.replace("\u2212", "-"))
    if text[:1] == "(" and text[-1:] == ")":
        text = "-" + _MARKS.sub("", text[1:-1])
    return _MARKS.sub("", text)


def _number(text, mark):
    """The float that `text` is with the decimal `mark`, or None."""
    other = "." if mark == "," else ","
    whole, point, fraction = text.partition(mark)
    if (other in whole and _GROUPED[other].fullmatch(whole)) or _GROUPED[_SPACES].fullmatch(whole):
        whole = re.sub(rf"[{re.escape(other)}{_SPACES}]", "", whole)
    elif mark == "." and not point and _GROUPED["."].fullmatch(text):
        whole = text.replace(".", "")
    return _float(whole + ("." if point else "") + fraction)


def _float(text):
    if not _PLAIN.fullmatch(text) and text.lower().lstrip("+-") not in ("inf", "infinity"):
        return None
    return float(text)


def _decimal_mark(texts, comma_hint, notes, name):
    """The decimal mark of a column, by all of its cells."""
    commas = [text for text in texts if "," in text]
    points = [text for text in texts if "." in text]
    if not commas:
        grouped = points and all(_GROUPED["."].fullmatch(text) for text in points)
        return "," if grouped and any(text.count(".") > 1 for text in points) else "."
    both = [text for text in commas if "." in text]
    if both:
        return "," if both[0].rindex(",") > both[0].rindex(".") else "."
    if not all(_GROUPED[","].fullmatch(text) for text in commas) or any(
        text.lstrip("+-").startswith("0,") for text in commas
    ):
        return ","
    if any(text.count(",") > 1 for text in commas) or points:
        return "."
    if notes is not None:
        read = commas[0].replace(",", "." if comma_hint else "")
        notes.append(
            f"column {name!r}: {commas[0]} is read as {read}; "
            f"if it is {commas[0].replace(',', '' if comma_hint else '.')}, give --decimal {'.' if comma_hint else ','}"
        )
    return "," if comma_hint else "."


def _quoted(cell):
    cell = cell if len(cell) <= 30 else cell[:30] + "…"
    return f"'{cell}'" if not cell.replace("_", "").isalnum() else cell
