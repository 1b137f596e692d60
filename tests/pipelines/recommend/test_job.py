import dataclasses
import json

import numpy as np
import pytest

from advrec_tf.models.vectors import load_vectors, save_vectors
from advrec_tf.pipelines.recommend import job, report
from advrec_tf.pipelines.recommend.preparation import identity_of
from advrec_tf.pipelines.recommend.shipping import Prior
from advrec_tf.pipelines.stages import StageStore


@pytest.fixture(scope="module")
def outcome(tiny_prepared, tiny_settings, tmp_path_factory):
    store = StageStore(tmp_path_factory.mktemp("run"), {})
    return job.run(tiny_prepared, tiny_settings, store, write=lambda line: None)


@pytest.fixture(scope="module")
def result(outcome, tiny_prepared, tiny_settings):
    return report.make_report(
        outcome,
        identity=identity_of(tiny_prepared, tiny_settings),
        counts=tiny_prepared.counts,
        audit=tiny_prepared.audit.as_dict(),
    )


def test_every_model_of_the_table_has_every_metric_for_every_group(result):
    rows = [name for name in report.ROWS if name != "oracle"]  # known for invented data only
    assert set(rows) <= set(result["models"])
    for name in rows:
        row = result["models"][name]
        assert set(report.METRICS) <= set(row)
        for group in ("sparsest_fifth", "cut_to_1", "cut_to_3", "cut_to_5"):
            assert set(report.PER_USER) == set(row[group])


def test_every_ingredient_is_compared_with_its_ablation(result):
    compared = {(row["model"], row["ablation"]) for row in result["comparisons"]}
    assert compared == set(report.COMPARISONS)
    for row in result["comparisons"]:
        difference = row["value"] - row["value_of_twin"]
        assert row["difference"] == pytest.approx(difference, abs=1e-12)


def test_the_report_is_plain_json(result):
    assert json.loads(json.dumps(result)) == json.loads(json.dumps(result))
    assert "NaN" not in json.dumps(result)


def test_the_shipped_model_is_the_best_on_validation(outcome):
    candidates = outcome.choices["validation_of_candidates"]
    assert candidates[outcome.choices["shipped_model"]] == max(candidates.values())


def test_cut_users_keep_exactly_as_many_rows_as_their_group_says(outcome):
    counts = outcome.cold.train.user_counts()
    for rows, users in outcome.cold.users_cut_to.items():
        assert (counts[users] == rows).all()


def test_no_prior_leaves_the_vectors_of_known_users_as_they_are(outcome):
    tower = outcome.results["whole"]["tower"][0]
    plain = Prior(None, 10).on(tower, outcome.split.train)
    known = outcome.split.train.user_counts() > 0
    np.testing.assert_array_equal(
        plain.user_vectors[known, :-1], tower.arrays["user_vectors"][known]
    )
    assert (plain.user_vectors[known, -1] == 0).all()


def test_a_shipped_model_comes_back_from_its_file(outcome, tmp_path):
    save_vectors(outcome.shipped, tmp_path / "shipped.npz")
    back = load_vectors(tmp_path / "shipped.npz")
    users = outcome.shipped.interactions.users.ids[:5].tolist()
    ours, theirs = outcome.shipped.recommend(users, 5), back.recommend(users, 5)
    assert ours.equals(theirs)


def test_served_lists_hold_nothing_the_data_says_the_user_has(outcome, tiny_world):
    users = tiny_world.users.ids.tolist()
    listed = outcome.shipped.recommend(users, 10)
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
