"""What records of settings share: rules that their values keep, and which interactions are used.

A record is a frozen dataclass that is checked when built; commands show its attributes as options.
Nothing heavy is imported here, so that a mistake is told before TensorFlow loads. Annotations are
evaluated in this module: those of fields that a record inherits are read where it is defined.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, TypeVar, get_args

SplitName = Literal["last_item", "last_day", "random_ratio", "global_time"]
SPLITS = get_args(SplitName)
TieName = Literal["hash", "file", "id"]
TIES = get_args(TieName)
"""Names repeated here so that a mistake is told before TensorFlow loads; tests compare them."""

Rule = tuple[str, str, Callable[[Any], bool]]
"""A field, what it should be, and whether a value is; so stated that NaN never is."""
_INFINITY = float("inf")
_HEAD = "\n    Attributes:\n"
_Record = TypeVar("_Record", bound=type)


def positive(names: str) -> list[Rule]:
    """The rule of finite numbers above 0 for fields, whose names stand with blanks between."""
    return [(name, "> 0", lambda v: 0 < v < _INFINITY) for name in names.split()]


def at_least(least: int, names: str) -> list[Rule]:
    """The rule of finite numbers that are at least so much, for fields as of `positive`."""
    return [(name, f">= {least}", lambda v: least <= v < _INFINITY) for name in names.split()]


def fractions(names: str) -> list[Rule]:
    """The rule of numbers above 0 and at most 1, for fields as of `positive`."""
    return [(name, "in (0, 1]", lambda v: 0 < v <= 1) for name in names.split()]


def one_of(name: str, known: Iterable[str]) -> Rule:
    """The rule of a field that is one of some names."""
    known = tuple(known)
    return name, f"one of {', '.join(known)}", lambda v: v in known


SEED: Rule = ("seed", "in 0..2147483647", lambda v: 0 <= v < 2**31)


def check(record, rules: Iterable[Rule]) -> None:
    """Refuse a record of which a field breaks a rule; of a tuple each value counts, and at least
    one is there. None is what a field is by default where it may be.

    Raises:
        ValueError: naming the first such field.
        AttributeError: if a rule is of a field that the record does not have.
    """
    for name, wanted, holds in rules:
        value = getattr(record, name)
        if value is None:
            continue
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(map(holds, values)):
            raise ValueError(f"`{name}` should be {wanted}. Received: {value!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """A record that keeps `RULES`, its own and those of the records that it extends."""

    RULES: ClassVar[tuple[Rule, ...]] = ()

    def __post_init__(self):
        for kind in reversed(type(self).__mro__):
            check(self, vars(kind).get("RULES", ()))

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitSettings(Settings):
    """Which interactions are used, and which of them test.

    Attributes:
        split: How the test interactions are chosen: the last item of each user (last_item), all
            items of each user's last day (last_day), a random part (random_ratio), or the latest of
            all (global_time).
        ties: What orders interactions of a user with equal times: a hash of the ids (hash), their
            order in the file (file), or the ids of the items (id).
        minimum_rating: Interactions rated lower than this are left out.
        k_core: Users and items with fewer interactions are left out, until all have as many.
        seed: The seed of everything that is drawn, the split random_ratio too.
    """

    split: SplitName = "last_item"
    ties: TieName = "hash"
    minimum_rating: float | None = None
    k_core: int = 0
    seed: int = 0

    RULES = (
        one_of("split", SPLITS),
        one_of("ties", TIES),
        ("minimum_rating", "a number", lambda v: -_INFINITY < v < _INFINITY),
        *at_least(0, "k_core"),
        SEED,
    )


def described(record: _Record) -> _Record:
    """A class decorator: the attributes of the records that this one extends come first in its
    docstring, which is where commands read what an option does."""
    if record.__doc__ is None:  # python -OO
        return record
    own, head, rest = record.__doc__.partition(_HEAD)
    (base,) = record.__bases__
    shared = base.__doc__.partition(_HEAD)[2].rstrip()
    record.__doc__ = f"{own}{head}{shared}\n{rest}"
    return record
