import dataclasses

import pytest

from experiments.augmentation import sequences


def test_held_out_users_are_trained_on_by_nobody(prepared):
    setting = sequences.make_setting(prepared.interactions, 5, 0)
    held = set(setting.held_out.user_index)
    assert held and not held & set(setting.fitted.user_index)
    again = sequences.make_setting(prepared.interactions, 5, 0)
    assert set(again.held_out.user_index) == held
    with pytest.raises(ValueError, match="should have data with times"):
        sequences.make_setting(dataclasses.replace(prepared.interactions, timestamp=None), 5, 0)


def test_a_source_without_a_recommender_has_no_next_item_and_one_without_items_no_likeness(
    prepared,
):
    pytest.importorskip("sklearn", reason="needs the extra `analysis`")
    setting = sequences.make_setting(prepared.interactions, 5, 0)
    task = sequences.Task(setting=setting)
    real = setting.measure(sequences.ENTRIES[sequences.REAL].train(task)).metrics
    popular = setting.measure(sequences.ENTRIES["popularity"].train(task)).metrics
    assert "next item" not in real and {"auc", "bigrams", "copies"} <= set(real)
    assert set(popular) == {"validation", "next item"}
