"""Columns in generated notations, written by code of their own: what a scan is to find out."""

import dataclasses

import numpy as np

MARKS = ("", "-", "—", "n/a", "NA", "?", "#N/A", "null", "(null)", ".")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DATES = {
    "{Y}-{M}-{D}": None,
    "{Y}/{M}/{D}": None,
    "{Y}{M}{D}": None,
    "{D}.{M}.{Y}": "day-first",
    "{d}.{m}.{Y}": "day-first",
    "{D}/{M}/{Y}": "day-first",
    "{M}/{D}/{Y}": "month-first",
    "{m}/{d}/{y}": "month-first",
    "{D}-{M}-{Y}": "day-first",
    "{D}.{M}.{y}": "day-first",
    "{D} {b} {Y}": None,
    "{d} {b} {Y}": None,
    "{D}-{b}-{Y}": None,
    "{b} {d}, {Y}": None,
}
TIMES = ("", "T{H}:{I}:{S}", " {H}:{I}:{S}", " {H}:{I}", "T{H}:{I}:{S}Z", " {H}:{I}:{S}.{f}")


@dataclasses.dataclass(frozen=True)
class Column:
    """Texts of a column, what they mean (NaN for missing), and how they were made."""

    kind: str
    texts: list[str]
    values: np.ndarray
    reading: str | None
    how: str


def column(rng: np.random.Generator, rows: int = 60) -> Column:
    """A column of numbers or dates in a notation drawn at random, some values missing."""
    made = _numbers(rng, rows) if rng.random() < 0.6 else _dates(rng, rows)
    mark = MARKS[rng.integers(len(MARKS))]
    gaps = rng.random(rows) < rng.choice([0.0, 0.0, 0.15])
    texts = [mark if gap else text for gap, text in zip(gaps, made.texts, strict=True)]
    return dataclasses.replace(
        made,
        texts=texts,
        values=np.where(gaps, np.nan, made.values),
        how=f"{made.how}, missing {mark!r}",
    )


def _numbers(rng, rows) -> Column:
    decimal = str(rng.choice([".", ","]))
    groups = ["", "'", "\u202f", " ", "\u00a0", "," if decimal == "." else "."]
    thousands = groups[rng.integers(len(groups))]
    affixes = [("", ""), ("$", ""), ("", " €"), ("", "%"), ("EUR ", ""), ("", " kr"), ("£", "")]
    prefix, suffix = affixes[rng.integers(len(affixes))]
    negative = str(rng.choice(["-", "\u2212", "()", "none"]))
    decimals = int(rng.choice([0, 1, 2, 4]))
    trimmed = bool(rng.random() < 0.3)
    size = 10.0 ** rng.integers(1, 8)
    values = np.round(rng.normal(size=rows) * size, decimals) + 0.0
    values = np.abs(values) if negative == "none" else values

    def text(value: float) -> str:
        digits = f"{abs(value):.{decimals}f}"
        whole, _, rest = digits.partition(".")
        if trimmed:
            rest = rest.rstrip("0")
        groups = []
        while thousands and len(whole) > 3:
            whole, last = whole[:-3], whole[-3:]
            groups.insert(0, last)
        body = thousands.join([whole, *groups]) + (decimal + rest if rest else "")
        if value < 0 and negative == "()":
            return f"({prefix}{body}{suffix})"
        return f"{negative if value < 0 else ''}{prefix}{body}{suffix}"

    texts = [text(value) for value in values]
    # a comma or point with three digits behind it alone can be either mark
    two_ways = decimals == 0 and thousands in (",", ".")
    reading = "decimal-comma" if two_ways and decimal == "," else None
    how = f"{decimal!r} {thousands!r} {prefix!r} {suffix!r} {negative} {decimals} {trimmed}"
    return Column("number", texts, values, reading, how)


def _dates(rng, rows) -> Column:
    pattern = list(DATES)[rng.integers(len(DATES))]
    time = TIMES[rng.integers(len(TIMES))]
    start = np.datetime64("1975-01-01", "ms").astype("int64")
    moments = start + rng.integers(0, 10**9, rows) * 1500
    unit = {"": 86_400_000, " {H}:{I}": 60_000, " {H}:{I}:{S}.{f}": 1}.get(time, 1000)
    moments = moments // unit * unit

    def text(moment: int) -> str:
        iso = str(np.datetime64(int(moment), "ms"))
        year, month, day = iso[:4], iso[5:7], iso[8:10]
        return (pattern + time).format(
            Y=year,
            y=year[2:],
            M=month,
            m=int(month),
            D=day,
            d=int(day),
            b=MONTHS[int(month) - 1],
            H=iso[11:13],
            I=iso[14:16],
            S=iso[17:19],
            f=iso[20:23],
        )

    texts = [text(moment) for moment in moments]
    return Column("date", texts, moments / 1000, DATES[pattern], f"{pattern}{time}")
