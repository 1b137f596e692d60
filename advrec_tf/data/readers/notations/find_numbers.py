"""The notation of a column of numbers, found from the *shapes* of its texts.

A shape keeps no digit but the first, where that is a zero, so a column of a million numbers has few
of them. What a notation is, and reading and writing by it, is left to `numbers`.
"""

from __future__ import annotations

import collections
import dataclasses
import re
import unicodedata
from collections.abc import Mapping

from advrec_tf.data.readers.notations.numbers import (
    APOSTROPHES,
    SPACES,
    NumberNotation,
    alike,
    body_pattern,
)

MOST_DECIMALS = 9
"""Numbers with more decimals, of varying length, are floats written in full."""

CURRENCIES = frozenset(
    "USD EUR GBP JPY CHF SEK NOK DKK ISK PLN CZK HUF RON BGN TRY RUB UAH INR CNY RMB KRW TWD HKD "
    "SGD MYR IDR THB PHP VND AUD NZD CAD MXN BRL ARS CLP COP PEN ZAR NGN KES EGP MAD ILS AED SAR "
    "US$ A$ C$ R$ NZ$ HK$ S$ kr kr. zł Kč Ft lei Fr. Rs Rs. % ‰ pct".split()
)
"""What stands beside an amount, next to the currency signs of Unicode, which need no list."""

_DIGITS = str.maketrans("012345678", "9" * 9)
_SHAPE = re.compile(
    r"(?P<open>\(?)(?P<outer>[-+\u2212]?)(?P<prefix>[^09]*?)(?P<inner>[-+\u2212]?)"
    rf"(?P<body>[.,]?[09](?:[09.,{SPACES}{APOSTROPHES}]*[09])?\.?)"
    r"(?P<exponent>(?:[eE][-+]?[09]+)?)(?P<suffix>[^09]*?)(?P<close>\)?)"
)
_BARE_EXPONENT = re.compile(r"[09]+[eE][09]+")


def shape_of(text: str) -> str:
    """The text with 9 for each ASCII digit, but 0 for the first where it is one: "$0.99"."""
    shape = text.translate(_DIGITS)
    first = shape.find("9")
    if first >= 0 and text[first] == "0":
        return f"{shape[:first]}0{shape[first + 1 :]}"
    return shape


@dataclasses.dataclass(frozen=True)
class FoundNumbers:
    """The best notation of a column's shapes.

    Attributes:
        notation: the notation.
        rows: how many values it reads.
        codes: why the values may be codes and no numbers, or "".
        doubt: what else the values may be, or "".
    """

    notation: NumberNotation
    rows: int
    codes: str = ""
    doubt: str = ""


def find_numbers(
    shapes: Mapping[str, int], *, any_unit: bool = False, decimal: str | None = None
) -> FoundNumbers | None:
    """The notation that reads the most values; None where no shape is a number.

    Args:
        shapes: shape -> how many values have it.
        any_unit: whether any text may stand around the number, and not currencies alone.
        decimal: the decimal mark, where it is known.
    """
    parsed = collections.defaultdict(list)
    for shape, count in shapes.items():
        parts = _SHAPE.fullmatch(shape)
        if parts is None or bool(parts["open"]) != bool(parts["close"]):
            continue
        affixes = parts["prefix"].strip(), parts["suffix"].strip()
        if any_unit or all(affix == "" or _is_currency(affix) for affix in affixes):
            parsed[affixes].append((parts, count))
    if not parsed:
        return None
    same = max(parsed.values(), key=lambda found: sum(count for _, count in found))
    choices = []
    for mark, thousands in _MARKS:
        if decimal in (None, mark):
            pattern = re.compile(body_pattern(mark, thousands, "[09]"))
            fits = [(parts, n) for parts, n in same if pattern.fullmatch(parts["body"])]
            choices.append((sum(n for _, n in fits), mark, thousands, fits))
    rows = max(choice[0] for choice in choices)
    if not rows:
        return None
    best = [choice for choice in choices if choice[0] == rows]
    _, mark, thousands, fits = best[0]
    doubt = ""
    if mark == "," and not thousands and decimal is None and _grouped(fits):
        # 12,345 alone: thousands, unless somebody says that the comma is the decimal mark
        mark, thousands, doubt = ".", ",", "thousands"
    notation = _notation(fits, mark, thousands)
    return FoundNumbers(notation, rows, _codes(fits, notation), doubt)


_MARKS = (
    (".", ""),
    (",", ""),
    (".", ","),
    (",", "."),
    *((mark, group) for group in (*SPACES, *APOSTROPHES) for mark in ".,"),
)
"""Decimal mark and separator of thousands, tried in this order."""


def _is_currency(affix: str) -> bool:
    return affix in CURRENCIES or (len(affix) == 1 and unicodedata.category(affix) == "Sc")


def _grouped(fits) -> bool:
    """Whether every comma has three digits behind it and one to three before, not led by a zero."""
    bodies = [parts["body"] for parts, _ in fits]
    with_comma = [body for body in bodies if "," in body]
    return bool(with_comma) and all(re.fullmatch(r"9[09]{0,2},9{3}", b) for b in with_comma)


def _notation(fits, mark: str, thousands: str) -> NumberNotation:
    def most(of) -> str:
        counts = collections.Counter()
        for parts, count in fits:
            if (value := of(parts)) is not None:
                counts[value] += count
        return counts.most_common(1)[0][0] if counts else ""

    bodies = [parts["body"] for parts, _ in fits]
    whole = [body.partition(mark)[0] for body in bodies]
    if thousands:
        known = alike(thousands)
        thousands = most(lambda p: next((c for c in p["body"] if c in known), None)) or thousands
    # four digits together where five are in groups: the groups start at five
    together = any(len(w) == 4 and w.isdigit() for w in whole)
    apart = any(len(w) == 5 and not w.isdigit() for w in whole)
    signs = [(p["outer"] + p["inner"], p["open"]) for p, _ in fits]
    negative = most(lambda p: _negative(p))
    above = [sign for (sign, bracket), w in zip(signs, bodies) if not bracket and sign != "-"]
    decimals = sorted({len(body.partition(mark)[2]) for body in bodies})
    exponents = [p["exponent"] for p, _ in fits]
    widths = {len(w) for w in whole}
    padded = any(re.fullmatch("0[09]+", body) for body in bodies)
    varying = len(decimals) > 1 and decimals[-1] > MOST_DECIMALS
    as_floats = varying or (any(exponents) and not all(exponents))
    return NumberNotation(
        decimal=mark,
        thousands=thousands,
        group_from=5 if together and not apart else 4,
        prefix=most(lambda p: p["prefix"]),
        suffix=most(lambda p: p["suffix"]),
        negative=negative or "-",
        sign_inside=bool(most(lambda p: p["inner"] or None)) and bool(most(lambda p: p["prefix"])),
        plus=bool(above) and all(sign == "+" for sign in above),
        decimals=() if as_floats else tuple(decimals),
        exponent=_exponent(exponents) if all(exponents) else "",
        width=widths.pop() if padded and len(widths) == 1 else 0,
    )


def _negative(parts) -> str | None:
    if parts["open"]:
        return "()"
    return (parts["outer"] + parts["inner"]).replace("+", "") or None


def _exponent(texts: list[str]) -> str:
    sign = "+" if any("+" in text for text in texts) else ""
    return texts[0][0] + sign + "0" * min(len(text.lstrip("eE+-")) for text in texts)


def _codes(fits, notation: NumberNotation) -> str:
    """Why values that are numbers by their look are names: postcodes, sizes, tariffs."""
    texts = [parts.group() for parts, _ in fits]
    if any(re.fullmatch("0[09]+", text) for text in texts):
        return "some start with a zero, as codes do"
    points = any(notation.decimal in parts["body"] for parts, _ in fits)
    if not points and any(_BARE_EXPONENT.fullmatch(text) for text in texts):
        return "some are such as 1E2, which may be a code"
    return ""
