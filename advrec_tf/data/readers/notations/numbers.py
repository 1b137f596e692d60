"""How a column writes its numbers: read and written alike.

A decimal point or comma, a separator of thousands, a currency or percent sign, brackets or signs of
negative numbers, exponents, padding zeros and the number of decimals. Finding the notation of a
column is left to `find_numbers`.
"""

from __future__ import annotations

import dataclasses
import functools
import re

import numpy as np

from advrec_tf.data.readers.columns import number

SPACES = " \u00a0\u2009\u202f"
APOSTROPHES = "'\u2019"


@dataclasses.dataclass(frozen=True, kw_only=True)
class NumberNotation:
    """How a column writes its numbers.

    Attributes:
        decimal: the decimal mark, "." or ",".
        thousands: between groups of three digits, "" for none.
        group_from: whole digits from which groups are made, 4 or 5.
        prefix, suffix: around the number, spaces included: "$", " EUR", "%".
        negative: "-", the minus sign of Unicode, or "()" for brackets.
        sign_inside: whether the sign stands after the prefix ("$-5").
        plus: whether numbers above zero have a sign.
        decimals: the numbers of decimals met, ascending; a number is written with the first that
            loses nothing. Empty: as many as it has.
        exponent: "" for none, else its letter, plus sign and digits, such as "e+00" or "E0".
        width: whole digits that are filled up with zeros, 0 for none.
    """

    decimal: str = "."
    thousands: str = ""
    group_from: int = 4
    prefix: str = ""
    suffix: str = ""
    negative: str = "-"
    sign_inside: bool = False
    plus: bool = False
    decimals: tuple[int, ...] = ()
    exponent: str = ""
    width: int = 0

    @property
    def plain(self) -> bool:
        """Whether Python's `float` reads the texts."""
        return self.decimal == "." and not (
            self.thousands or self.prefix or self.suffix or self.negative != "-"
        )

    @property
    def example(self) -> str:
        """A number in the notation."""
        return str(self.write(np.array([1234.5]))[0])

    def read(self, text: str) -> float:
        """The number that a text without blanks around it is.

        Raises:
            ValueError: if it is none in this notation.
        """
        if self.plain:
            if "n" in text or "N" in text:  # inf and nan are no numbers
                raise ValueError(text)
            return number(text)
        found = _pattern(self.decimal, self.thousands, self.prefix.strip(), self.suffix.strip())
        parts = found.fullmatch(text)
        if parts is None or bool(parts["open"]) != bool(parts["close"]):
            raise ValueError(text)
        body = parts["body"].translate(dict.fromkeys(map(ord, alike(self.thousands))))
        value = float(body.replace(self.decimal, ".") + parts["exponent"])
        signs = (parts["outer"] + parts["inner"]).replace("+", "")
        if len(signs) + bool(parts["open"]) > 1:
            raise ValueError(text)
        return -value if signs or parts["open"] else value

    def write(self, values: np.ndarray) -> np.ndarray:
        """Numbers [n] float64 -> texts [n] object, "" where they are NaN."""
        distinct, places = np.unique(np.asarray(values, np.float64), return_inverse=True)
        texts = ["" if value != value else self._text(float(value)) for value in distinct]
        return np.array([*texts, ""], dtype=object)[:-1][places]

    def _text(self, value: float) -> str:
        digits = self._digits(abs(value))
        is_zero = not any("1" <= digit <= "9" for digit in digits.split("e")[0].split("E")[0])
        negative = value < 0 and not is_zero
        sign = self.negative if negative else "+" if self.plus and not is_zero else ""
        if sign == "()":
            return f"({self.prefix}{digits}{self.suffix})"
        if self.sign_inside:
            return f"{self.prefix}{sign}{digits}{self.suffix}"
        return f"{sign}{self.prefix}{digits}{self.suffix}"

    def _digits(self, value: float) -> str:
        if self.exponent:
            return self._with_exponent(value)
        text = repr(value).removesuffix(".0") if not self.decimals else self._shortest(value)
        if "e" in text:
            return text.replace(".", self.decimal)
        whole, point, rest = text.partition(".")
        whole = whole.zfill(self.width)
        if self.thousands and len(whole) >= self.group_from:
            whole = f"{int(whole):,}".replace(",", self.thousands)
        return whole + point.replace(".", self.decimal) + rest

    def _shortest(self, value: float) -> str:
        exact = f"{value:.{self.decimals[-1]}f}"
        for decimals in self.decimals:
            text = f"{value:.{decimals}f}"
            if float(text) == float(exact):
                return text
        return exact

    def _with_exponent(self, value: float) -> str:
        letter, sign, least = self.exponent[0], "+" in self.exponent, self.exponent.count("0")
        mantissa, power = f"{value:.{self.decimals[-1] if self.decimals else 16}e}".split("e")
        mark = "-" if power[0] == "-" else "+" if sign else ""
        return (
            mantissa.replace(".", self.decimal) + letter + mark + str(abs(int(power))).zfill(least)
        )


@functools.lru_cache(maxsize=256)
def _pattern(decimal: str, thousands: str, prefix: str, suffix: str) -> re.Pattern:
    sign = r"[-+\u2212]?"
    return re.compile(
        rf"(?P<open>\(?)(?P<outer>{sign}){re.escape(prefix)}\s*(?P<inner>{sign})"
        rf"(?P<body>{body_pattern(decimal, thousands)})(?P<exponent>(?:[eE][-+]?[0-9]+)?)"
        rf"\s*{re.escape(suffix)}(?P<close>\)?)"
    )


def body_pattern(decimal: str, thousands: str, digit: str = "[0-9]") -> str:
    """The regular expression of digits in groups or not, with decimals or not."""
    point, whole = re.escape(decimal), f"{digit}+"
    if thousands:
        groups = rf"{digit}{{1,3}}(?:[{re.escape(alike(thousands))}]{digit}{{3}})+"
        whole = f"(?:{groups}|{whole})"
    return rf"(?:{whole}(?:{point}{digit}*)?|{point}{digit}+)"


def alike(thousands: str) -> str:
    """The separators that one separator of thousands stands for: every blank, every apostrophe."""
    return next((c for c in (SPACES, APOSTROPHES) if thousands and thousands in c), thousands)
