import dataclasses

import pytest

from experiments.augmentation.entries import BASELINES, entries_of
from experiments.augmentation.settings import AugmentationSettings


@pytest.mark.parametrize("part", list(BASELINES))
def test_every_generator_has_its_ablation_and_every_part_its_baseline(part):
    entries = entries_of(part, AugmentationSettings())
    assert BASELINES[part] in entries
    fields = {field.name for field in dataclasses.fields(AugmentationSettings)}
    for label, entry in entries.items():
        generated = "GAN" in label and "ablation" not in label
        assert (entry.ablation == f"{label}, ablation") == generated
        assert entry.ablation is None or entries[entry.ablation].space == entry.space
        assert set(entry.space) <= fields


def test_a_space_holds_the_values_of_the_settings():
    settings = AugmentationSettings(penalty=(0.7,))
    entry = entries_of("tail", settings)["popularity penalty at serving"]
    assert entry.points() == [{"penalty": 0.7}]
