from __future__ import annotations

import dataclasses
import typing
from typing import ClassVar

import pytest

from advrec_tf.data import splits
from advrec_tf.pipelines import settings


@settings.described
@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiny(settings.SplitSettings):
    """A record.

    Attributes:
        rates: Learning rates.
        share: A share.
    """

    rates: tuple[float, ...] = (0.1,)
    share: float | None = None

    RULES = (*settings.positive("rates"), *settings.fractions("share"))


def test_names_told_early_are_the_names_there_are():
    assert set(settings.SPLITS) == set(splits.SPLITS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"split": "half"}, "`split` should be one of last_item, last_day, .* Received: 'half'."),
        ({"ties": "coin"}, "`ties` should be one of hash, file, id"),
        ({"k_core": -1}, "`k_core` should be >= 0. Received: -1."),
        ({"seed": 2**31}, "`seed` should be in 0..2147483647"),
        ({"minimum_rating": float("nan")}, "`minimum_rating` should be a number"),
        ({"rates": (0.1, 0.0)}, r"`rates` should be > 0. Received: \(0.1, 0.0\)."),
        ({"rates": ()}, "`rates` should be > 0"),
        ({"rates": (float("inf"),)}, "`rates` should be > 0"),
        ({"share": 1.5}, r"`share` should be in \(0, 1\]"),
    ],
)
def test_a_record_keeps_its_rules_and_those_it_inherits(given, message):
    with pytest.raises(ValueError, match=message):
        Tiny(**given)


def test_what_may_be_none_is_not_judged():
    assert Tiny().as_dict() == {
        "split": "last_item",
        "ties": "hash",
        "minimum_rating": None,
        "k_core": 0,
        "seed": 0,
        "rates": (0.1,),
        "share": None,
    }


def test_a_rule_of_a_field_that_is_not_there_is_a_mistake():
    class Misspelt(settings.Settings):
        RULES: ClassVar = tuple(settings.positive("learning_rte"))

    with pytest.raises(AttributeError, match="learning_rte"):
        Misspelt()


def test_options_that_records_share_are_described_once_and_come_first():
    lines = [line.strip() for line in Tiny.__doc__.splitlines()]
    first = lines.index("Attributes:") + 1
    assert lines[0] == "A record." and lines[first].startswith("split: How the test")
    assert lines.index(
        "seed: The seed of everything that is drawn, the split random_ratio too."
    ) + 1 == lines.index("rates: Learning rates.")


def test_the_types_of_inherited_fields_are_known_where_the_record_is_defined():
    hints = typing.get_type_hints(Tiny.__init__)  # as cyclopts reads them; no SplitName here
    assert hints["split"] == settings.SplitName and hints["minimum_rating"] == float | None
