"""What a column of text holds: numbers, dates, booleans or texts.

The one place that decides the type of a column, for generated tables and for tables of attributes.
`ColumnScan` takes all texts of a column, block by block, and `decide` says in a `Spelling` what
they are. How numbers and dates are written is found by `find_numbers` and `find_dates`.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from advrec_tf.data.readers.columns import MISSING
from advrec_tf.data.readers.notations.dates import DateNotation, since_1970
from advrec_tf.data.readers.notations.find_dates import DateCounts, orders_of
from advrec_tf.data.readers.notations.find_numbers import find_numbers, shape_of
from advrec_tf.data.readers.notations.numbers import NumberNotation
from advrec_tf.data.readers.notations.spelling import BOOLEANS, NUMBER_MARKS, WHAT, Spelling, option

_MOST_SHAPES = 4096  # a column with more is text


class ColumnScan:
    """Takes the texts of one column and decides what they are.

    Args:
        name: of the column, for sentences.
        asked: "number", "date", "boolean" or "text", where the caller knows it.
        reading: one of `READINGS`, where the caller knows it.
        missing: the marks of a missing value; None for those of `columns.MISSING`, and of
            `NUMBER_MARKS` in columns of numbers, dates and booleans.
        keep_missing: whether among texts the empty field alone is missing.
        cure: as in `Spelling`.
    """

    def __init__(
        self,
        name: str,
        *,
        asked: str | None = None,
        reading: str | None = None,
        missing: Collection[str] | None = None,
        keep_missing: bool = False,
        cure: Callable[..., str] = option,
    ):
        self.cure = cure
        self.name, self.asked, self.reading = name, asked, reading
        self.marks = MISSING if missing is None else frozenset(missing)
        self.weak = NUMBER_MARKS if missing is None else frozenset()
        self.text_marks = frozenset() if keep_missing else self.marks
        self.notation: NumberNotation | DateNotation | None = None
        self.shapes: collections.Counter = collections.Counter()
        self.dates = DateCounts()
        self.missing: collections.Counter = collections.Counter()
        self.among_numbers: collections.Counter = collections.Counter()
        self.example: dict[str, str] = {}
        self._largest = 0.0
        self._is_text = asked == "text"

    def like(self, mark: str, notation: NumberNotation | DateNotation | None = None) -> ColumnScan:
        """The same scan, for a further file of a column whose mark and notation are known."""
        self.marks = self.marks | {mark}
        if self.text_marks:
            self.text_marks = self.text_marks | {mark}
        self.notation = notation
        return self

    def add(self, texts: Sequence[str]) -> None:
        """Further texts of the column."""
        for raw, count in collections.Counter(texts).items():
            text = raw.strip()
            if not text or text in self.marks:
                self.missing[text] += count
            elif text.casefold() in self.weak:
                self.among_numbers[text] += count
            elif not self._is_text:
                self._add(text, count)
        if not self._is_text and len(self.shapes) > _MOST_SHAPES:
            self._is_text = self.asked is None

    def _add(self, text: str, count: int) -> None:
        shape = shape_of(text)
        self.shapes[shape] += count
        self.example.setdefault(shape, text)
        if orders := orders_of(shape):
            self.dates.add(text, count, orders)
        elif self.asked == "date" and shape.strip("09") in ("", ".") and shape != ".":
            self._largest = max(self._largest, float(text))

    def decide(self) -> Spelling:
        """What the column holds."""
        present = self.shapes.total()
        if self._is_text:
            return self._text(())
        if not present:
            met = self.missing.keys() - {""} - self.text_marks
            if self.among_numbers or met:  # marks that stand for themselves among texts
                return self._text(())
            return self._spelling(None, self.missing, self.marks)
        if self.asked == "boolean" or self._are_booleans():
            return self._booleans()
        decimal = "," if self.reading == "decimal-comma" else None
        unit = self.asked == "number"
        numbers = find_numbers(self.shapes, any_unit=unit, decimal=decimal)
        orders = self.dates.best(day_first=_DAY_FIRST.get(self.reading))
        dates = self.dates.rows[orders[0]] if orders else 0
        rather = 2 * dates > present and self._rather(dates, numbers)
        if self.asked == "date" or (self.asked is None and rather):
            return self._dates(orders)
        if self.asked == "number" or (numbers and 2 * numbers.rows > present):
            return self._numbers(numbers)
        return self._text(self._unread(present))

    def _rather(self, dates: int, numbers) -> bool:
        """Whether the values are dates and no numbers: 20240501 is both, where all are days."""
        if numbers is None or dates > numbers.rows:
            return True
        return dates == numbers.rows == self.shapes.total() and dates > 1

    def _are_booleans(self) -> bool:
        return self.asked is None and all(shape.lower() in BOOLEANS for shape in self.shapes)

    def _booleans(self) -> Spelling:
        texts = [s for s in self.shapes if s.lower() in BOOLEANS] or ["false"]
        spell = str.upper if texts[0].isupper() else str.title if texts[0][0].isupper() else str
        return self._typed("boolean", (), booleans=(spell("false"), spell("true")))

    def _numbers(self, found) -> Spelling:
        if isinstance(self.notation, NumberNotation) and self._reads_all(self.notation):
            return self._typed("number", (), notation=self.notation)
        if found is None:
            return self._typed("number", (), notation=NumberNotation())
        if found.codes and self.asked is None:
            cure = self.cure("number", self.name)
            return self._text((f"category, since {found.codes}; {cure} reads numbers",))
        said = ()
        if found.doubt:
            said = (
                f"number: {self._sample(found.notation, ',')}; "
                f"{self.cure('decimal-comma', self.name)} reads the comma as the decimal mark",
            )
        elif not found.notation.plain:
            said = (f"number: {self._sample(found.notation)}",)
        return self._typed("number", said, notation=found.notation)

    def _reads_all(self, notation: NumberNotation) -> bool:
        """Whether the notation reads an example of each shape, and so every value."""
        try:
            return all(np.isfinite(notation.read(text)) for text in self.example.values())
        except ValueError:
            return False

    def _sample(self, notation, having: str = "") -> str:
        """A value and what it is read as."""
        for text in self.example.values():
            try:
                value = notation.read(text)
            except ValueError:
                continue
            if having in text:
                is_date = isinstance(notation, DateNotation)
                shown = DateNotation().write(np.array([value]))[0] if is_date else f"{value:.10g}"
                return f"{text} is read as {shown}"
        return ""

    def _dates(self, orders: tuple[str, ...]) -> Spelling:
        if not orders:
            numbers = find_numbers(self.shapes)
            notation = since_1970(self._largest) if numbers else DateNotation()
            return self._typed("date", (), notation=notation)
        if isinstance(self.notation, DateNotation) and self.notation.order in orders:
            orders = (self.notation.order,)
        notation = self.dates.notation(orders[0])
        said, sample = (), f"date: {self._sample(notation)}"
        if len(orders) > 1 and self.reading is None:
            other = "day-first" if orders[0].startswith("%m") else "month-first"
            said = (
                f"{sample}, since the values do not tell day and month apart; "
                f"{self.cure(other, self.name)} reads otherwise",
            )
        elif orders[0] == "%Y%m%d" and self.asked is None:
            said = (f"{sample}; {self.cure('number', self.name)} reads numbers",)
        elif notation.order != "%Y-%m-%d":
            said = (sample,)
        return self._typed("date", said, notation=notation)

    def _typed(self, kind: str, said: tuple[str, ...], **how) -> Spelling:
        if self.among_numbers:
            said = (
                *said,
                f"{_counted(self.among_numbers)} taken for missing, since the others are "
                f"{WHAT[kind]}; {self.cure('category', self.name)} keeps them",
            )
        met = self.missing + self.among_numbers
        return self._spelling(kind, met, self.marks | self.weak, said, **how)

    def _text(self, said: tuple[str, ...]) -> Spelling:
        met = collections.Counter({m: n for m, n in self.missing.items() if m in self.text_marks})
        if met:
            said = (
                *said,
                f"{_counted(met)} taken for missing; {self.cure('keep-missing')} keeps them",
            )
        met[""] = self.missing[""]
        return self._spelling("text", met, self.text_marks, said)

    def _spelling(self, kind, met, marks, said=(), **how) -> Spelling:
        said = tuple(f"{self.name}: {line}" for line in said)
        return Spelling(kind=kind, mark=_most(met), marks=marks, said=said, cure=self.cure, **how)

    def _unread(self, present: int) -> tuple[str, ...]:
        """A word on numbers with a unit, which are texts unless somebody says otherwise."""
        found = find_numbers(self.shapes, any_unit=True)
        if found is None or found.rows < present or found.notation.prefix:
            return ()
        return (
            f"category, though every value is a number with {found.notation.suffix.strip()!r}; "
            f"{self.cure('number', self.name)} reads numbers",
        )


_DAY_FIRST = {"day-first": True, "month-first": False}


def _counted(marks: collections.Counter) -> str:
    """The commonest marks, such as "'-' 4, '?' 1"."""
    return ", ".join(f"{mark!r} {number:,}" for mark, number in marks.most_common(5))


def _most(marks: Mapping[str, int]) -> str:
    """The commonest mark; the empty field where none was met."""
    found = max(marks.items(), key=lambda entry: entry[1], default=("", 0))
    return found[0] if found[1] else ""
