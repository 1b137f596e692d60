"""How a column writes its dates: read and written alike.

Year, month and day in any usual order and separator, names of months in English, a time of day with
or without seconds, fractions, AM and PM, and a zone. Finding the notation of a column is left to
`find_dates`; the numbers or ISO dates of interactions are read by `columns.Times`.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re

import numpy as np

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
DAY = 86_400.0

_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_MONTH_OF = {name.lower()[:3]: i + 1 for i, name in enumerate(_MONTHS)}
_NAMES = "|".join([*_MONTHS, *(name[:3] for name in _MONTHS), "Sept"])

_FIELDS = {
    "%Y": r"(?P<Y>[0-9]{4})",
    "%y": r"(?P<y>[0-9]{2})",
    "%m": r"(?P<m>[0-9]{1,2})",
    "%d": r"(?P<d>[0-9]{1,2})",
    "%b": rf"(?P<b>(?i:{_NAMES}))\.?",
}
_TIME = (
    r"(?:(?P<gap>T|,? +)(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})"
    r"(?:[.,](?P<f>[0-9]{1,9}))?)?(?: ?(?P<p>[AaPp][Mm]))?"
    r"(?: ?(?P<z>[Zz]|[-+][0-9]{2}:?[0-9]{2}))?)?"
)
_SEPARATED = [
    order.replace("?", separator)
    for separator in "-/."
    for order in ("%Y?%m?%d", "%d?%m?%Y", "%m?%d?%Y", "%d?%m?%y", "%m?%d?%y", "%y?%m?%d")
]
_NAMED = ["%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%b %d, %Y", "%b %d %Y", "%d. %b %Y"]
ORDERS = (*_SEPARATED, *_NAMED, "%Y%m%d")
"""The orders of day, month and year that are known, the likelier of two that both fit first."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DateNotation:
    """How a column writes its dates.

    Attributes:
        order: one of `ORDERS`; or "%s", "%Q" for seconds or milliseconds since 1970 as numbers.
        bare: whether day and month are written without a zero before one digit; so for the hour
            with `bare_hour`.
        month: "%b" or "%B" for names short or in full, in capitals with "%^b" and "%^B".
        gap: between date and time, or "" for no time.
        seconds: whether a time has them, and `fraction` the digits of their fraction.
        half: "AM" or "am" for a clock of twelve hours, with a blank before it where there is one.
        zone: at the end: "Z", an offset such as "+02:00", or "".
    """

    order: str = "%Y-%m-%d"
    bare: bool = False
    bare_hour: bool = False
    month: str = "%b"
    gap: str = ""
    seconds: bool = True
    fraction: int = 0
    half: str = ""
    zone: str = ""

    @property
    def unit(self) -> float:
        """Seconds of the smallest step that the notation can write."""
        if self.order in _SINCE_1970:
            return 1.0 / _SINCE_1970[self.order]
        if not self.gap:
            return DAY
        return 10.0**-self.fraction if self.seconds else 60.0

    @property
    def example(self) -> str:
        """The first of May 2024 in the notation."""
        return str(self.write(np.array([1_714_521_600.0]))[0])

    def read(self, text: str) -> float:
        """Seconds since 1970 (UTC, where no zone is named) of a text without blanks around it.

        Raises:
            ValueError: if it is no date in this order.
        """
        if self.order in _SINCE_1970:
            if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
                raise ValueError(text)
            return float(text) / _SINCE_1970[self.order]
        moment = moment_of(self.order, text)
        if moment is None:
            raise ValueError(text)
        return (moment - EPOCH).total_seconds()

    def write(self, seconds: np.ndarray) -> np.ndarray:
        """Seconds since 1970 [n] float64 -> texts [n] object, "" where they are NaN."""
        distinct, places = np.unique(np.asarray(seconds, np.float64), return_inverse=True)
        texts = ["" if value != value else self._text(float(value)) for value in distinct]
        return np.array([*texts, ""], dtype=object)[:-1][places]

    def _text(self, seconds: float) -> str:
        if self.order in _SINCE_1970:
            return str(round(seconds * _SINCE_1970[self.order]))
        seconds = round(seconds / self.unit) * self.unit if self.gap else seconds
        microseconds = round(seconds * 1e6) + round(_offset(self.zone) * 1e6)
        whole, rest = divmod(microseconds, 1_000_000)
        moment = EPOCH + datetime.timedelta(seconds=whole)
        pad = "" if self.bare else "02"
        name = _MONTHS[moment.month - 1]
        name = name if self.month[-1] == "B" else name[:3]
        fields = {
            "%Y": f"{moment.year:04d}",
            "%y": f"{moment.year % 100:02d}",
            "%m": f"{moment.month:{pad}}",
            "%d": f"{moment.day:{pad}}",
            "%b": name.upper() if "^" in self.month else name,
        }
        text = re.sub("%[Yymdb]", lambda token: fields[token.group()], self.order)
        if not self.gap:
            return text
        hour = (moment.hour - 1) % 12 + 1 if self.half else moment.hour
        text += f"{self.gap}{hour:{'' if self.bare_hour else '02'}}:{moment.minute:02d}"
        if self.seconds:
            text += f":{moment.second:02d}"
        if self.fraction:
            text += f".{rest:06d}"[: self.fraction + 1].ljust(self.fraction + 1, "0")
        if self.half:
            mark = self.half.replace("A", "P").replace("a", "p")
            text += mark if moment.hour >= 12 else self.half
        return text + self.zone


_SINCE_1970 = {"%s": 1, "%Q": 1000}


def _offset(zone: str) -> float:
    """Seconds of "+02:00"; 0 of "Z" and ""."""
    digits = zone.strip().replace(":", "")
    if digits in ("", "Z", "z"):
        return 0.0
    seconds = int(digits[1:3]) * 3600.0 + int(digits[3:5]) * 60.0
    return -seconds if digits[0] == "-" else seconds


@functools.lru_cache(maxsize=256)
def pattern_of(order: str, years: str = "19[0-9]{2}|20[0-9]{2}") -> re.Pattern:
    """The regular expression of an order, with a time or not; its groups are the fields.

    Without separators, in "%Y%m%d", the `years` are of two centuries alone: else any number of
    eight digits would be a date.
    """
    if order == "%Y%m%d":
        return re.compile(rf"(?P<Y>{years})(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})" + _TIME)
    parts = re.split("(%[Yymdb])", order)
    return re.compile("".join(_FIELDS.get(part, re.escape(part)) for part in parts) + _TIME)


def moment_of(order: str, text: str) -> datetime.datetime | None:
    """The moment (UTC) that a text in an order names; None where it names none."""
    found = pattern_of(order).fullmatch(text)
    if found is None:
        return None
    given = found.groupdict()
    year = int(given["Y"]) if "Y" in given else _full_year(int(given["y"]))
    month = int(given["m"]) if "m" in given else _MONTH_OF[given["b"].lower()[:3]]
    hour = int(given["H"] or 0)
    if given["p"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (given["p"] in ("PM", "pm", "Pm", "pM"))
    fraction = int((given["f"] or "0").ljust(6, "0")[:6])
    try:
        clock = (hour, int(given["M"] or 0), int(given["S"] or 0), fraction)
        moment = datetime.datetime(
            year, month, int(given["d"]), *clock, tzinfo=datetime.timezone.utc
        )
        return moment - datetime.timedelta(seconds=_offset(given["z"] or ""))
    except (ValueError, OverflowError):
        return None


def _full_year(year: int) -> int:
    """Of two digits, as POSIX has it: 69 to 99 are of the twentieth century."""
    return year + (1900 if year >= 69 else 2000)


def since_1970(largest: float) -> DateNotation:
    """Of numbers that are moments: milliseconds where seconds would lie beyond the year 5000."""
    return DateNotation(order="%Q" if largest >= 95_617_584_000.0 else "%s")
