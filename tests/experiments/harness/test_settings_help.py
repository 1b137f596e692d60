import argparse
import dataclasses

import pytest

from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.pipelines.text.settings import TextTowerSettings
from experiments.augmentation.settings import AugmentationSettings
from experiments.harness import arguments
from experiments.harness.settings_help import descriptions


@pytest.mark.parametrize(
    "kind", [RecommenderSettings, TableSettings, TextTowerSettings, AugmentationSettings]
)
def test_help_says_what_every_setting_is(kind):
    found = descriptions(kind)
    assert [name for name, text in found.items() if not text] == []
    parser = arguments.run_parser("x", kind)
    assert all(text.split(".")[0][:30] in parser.format_help() for text in found.values())


def test_a_description_is_that_of_every_name_before_it_with_its_further_lines():
    @dataclasses.dataclass
    class Record:
        """One.

        Attributes:
            a, b: first: of two
                lines.
            c: 5 % of it.

        Raises:
            d: never.
        """

        a: int = 1
        b: int = 2
        c: int = 3
        d: int = 4

    expected = {"a": "first: of two lines.", "b": "first: of two lines.", "c": "5 % of it."}
    assert descriptions(Record) == expected | {"d": ""}
    parser = argparse.ArgumentParser()
    arguments.add_settings_arguments(parser, Record)
    assert "5 % of it. The default is 3." in parser.format_help()
