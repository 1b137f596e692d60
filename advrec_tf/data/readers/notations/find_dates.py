"""The notation of a column of dates, found from its texts.

Every order that the shape of a text allows is tried on the text itself, so that 13/02 and 02/13 are
told apart. What a notation is, and reading and writing by it, is left to `dates`.
"""

from __future__ import annotations

import collections
import functools
import re

from advrec_tf.data.readers.notations.dates import ORDERS, DateNotation, moment_of, pattern_of


@functools.lru_cache(maxsize=4096)
def orders_of(shape: str) -> tuple[str, ...]:
    """The orders that texts of a shape (of `find_numbers.shape_of`) may have."""
    text = shape.replace("9", "1").replace("0", "1")
    found = []
    for order in ORDERS:
        parts = pattern_of(order, "[0-9]{4}").fullmatch(text)
        if parts is None:
            continue
        # versions such as 1.2.10 are no dates: a year of two digits stands beside full fields
        short = "%y" in order and "/" not in order
        if not short or len(parts["d"]) == len(parts.groupdict().get("m") or "11") == 2:
            found.append(order)
    return tuple(found)


class DateCounts:
    """How many values of a column each order reads, and how they are written.

    Attributes:
        rows: order -> number of values that it reads.
    """

    def __init__(self):
        self.rows: collections.Counter = collections.Counter()
        self._styles: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)

    def add(self, text: str, count: int, orders: tuple[str, ...]) -> None:
        """A text that stands `count` times, and the orders of its shape."""
        for order in orders:
            if moment_of(order, text) is not None:
                self.rows[order] += count
                self._styles[order][_style(pattern_of(order).fullmatch(text))] += count

    def best(self, *, day_first: bool | None = None) -> tuple[str, ...]:
        """The orders that read the most values, the likelier first; () where there is none."""
        orders = [o for o in ORDERS if o in self.rows and _allowed(o, day_first)]
        most = max((self.rows[order] for order in orders), default=0)
        found = [order for order in orders if self.rows[order] == most]
        # with slashes and nothing to tell day and month apart, the month is first
        return tuple(sorted(found, key=lambda o: (not o.startswith("%m/"), ORDERS.index(o))))

    def notation(self, order: str) -> DateNotation:
        """How most values of an order are written."""
        styles = self._styles[order]

        def seen(name: str) -> collections.Counter:
            counts = collections.Counter()
            for style, count in styles.items():
                if (value := dict(style).get(name)) is not None:
                    counts[value] += count
            return counts

        def most(name: str, default=""):
            counts = seen(name)
            return counts.most_common(1)[0][0] if counts else default

        zones = seen("zone")
        return DateNotation(
            order=order,
            bare=True in seen("bare"),
            bare_hour=True in seen("bare_hour"),
            month=most("month", "%b"),
            gap=most("gap"),
            seconds=False not in (clock := seen("seconds")) or True in clock,
            fraction=min(max(seen("fraction"), default=0), 6),
            half=most("half"),
            zone=next(iter(zones)) if len(zones) == 1 else "Z" if zones else "",
        )


def _allowed(order: str, day_first: bool | None) -> bool:
    if day_first is None or order.startswith(("%Y", "%y")):
        return True
    return order.startswith("%d") == day_first


def _style(found: re.Match) -> tuple[tuple[str, object], ...]:
    """What `DateCounts.notation` takes from one value."""
    given = found.groupdict()
    fields = [given[name] for name in "md" if given.get(name)]
    style: dict[str, object] = {}
    if any(len(field) == 1 for field in fields):
        style["bare"] = True
    if name := given.get("b"):
        full = "B" if len(name) > 4 or name.lower() in ("june", "july") else "b"
        if name.lower() != "may" or name.isupper():  # "May" is short and in full
            style["month"] = f"%{'^' if name.isupper() else ''}{full}"
    if given["gap"]:
        style |= {"gap": given["gap"], "seconds": given["S"] is not None}
        if len(given["H"]) == 1:
            style["bare_hour"] = True
        if given["f"]:
            style["fraction"] = len(given["f"])
        if given["p"]:
            blank = " " if f" {given['p']}" in found.group() else ""
            style["half"] = blank + ("AM" if given["p"].isupper() else "am")
        if given["z"]:
            blank = " " if f" {given['z']}" in found.group() else ""
            style["zone"] = blank + given["z"]
    return tuple(style.items())
