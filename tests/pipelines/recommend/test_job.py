import dataclasses

import numpy as np
import pytest

from advrec_tf.models.vectors import load_vectors, save_vectors
from advrec_tf.pipelines.recommend import job
from advrec_tf.pipelines.stages import StageStore


def test_cut_users_keep_exactly_as_many_rows_as_their_group_says(tiny_outcome):
    counts = tiny_outcome.cold.train.user_counts()
    for rows, users in tiny_outcome.cold.users_cut_to.items():
        assert (counts[users] == rows).all()


def test_the_job_ends_as_many_stages_as_it_announced(tiny_job):
    records = tiny_job[1]
    (ahead,) = {record.stages for record in records if hasattr(record, "stages")}
    assert sum(hasattr(record, "stage") for record in records) == ahead


def test_a_shipped_model_comes_back_from_its_file(tiny_outcome, tmp_path):
    save_vectors(tiny_outcome.shipped, tmp_path / "shipped.npz")
    back = load_vectors(tmp_path / "shipped.npz")
    users = tiny_outcome.shipped.interactions.users.ids[:5].tolist()
    ours, theirs = tiny_outcome.shipped.recommend(users, 5), back.recommend(users, 5)
    assert ours.equals(theirs)


def test_served_lists_hold_nothing_the_data_says_the_user_has(tiny_outcome, tiny_world):
    users = tiny_world.users.ids.tolist()
    listed = tiny_outcome.shipped.recommend(users, 10)
    known = set(
        zip(
            tiny_world.users.ids[tiny_world.user_index],
            tiny_world.items.ids[tiny_world.item_index],
            strict=True,
        )
    )
    assert not known & set(zip(listed["user_id"], listed["item_id"], strict=True))


def test_a_split_without_validation_rows_is_refused_before_anything_is_trained(
    tiny_prepared, tiny_settings, tmp_path
):
    nothing = tiny_prepared.split.validation.select(np.zeros(0, int))
    split = dataclasses.replace(tiny_prepared.split, validation=nothing)
    prepared = dataclasses.replace(tiny_prepared, split=split)
    with pytest.raises(ValueError, match="validation part of the split 'last_item'"):
        job.run(prepared, tiny_settings, StageStore(tmp_path, {}))
    StageStore(tmp_path, {"other": "settings"})  # the folder is still free
