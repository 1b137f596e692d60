import numpy as np
import pytest

from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit import privacy
from advrec_tf.pipelines.audit.groups import Grouping
from advrec_tf.pipelines.audit.subject import NotPossible


def test_a_model_that_memorizes_is_found(make_case, noise, split):
    scores = noise + 10.0 * split.train.by_user().dense()
    found = privacy.membership(make_case(scores))
    assert found["leak"] > 0.95 and found["auc"] > 0.95 and found["true_positives"] > 0.9
    assert found["pairs"] == 80


def test_a_model_of_taste_alone_tells_nothing(make_case, noise):
    taste = (np.arange(80)[:, None] - np.arange(24)) % 2 == 0
    found = privacy.membership(make_case(10.0 * taste + 0.01 * noise))
    assert abs(found["auc"] - 0.5) < 0.15 and abs(found["leak"] - 0.5) < 0.2


def test_the_control_has_not_seen_the_pairs(split):
    users, items = np.arange(80), np.array([split.train.by_user()[user][0] for user in range(80)])
    control = privacy.reference(split.train, users, items)
    has = control.interactions.by_user()
    assert len(control.interactions) == len(split.train) - 80
    assert not any(items[user] in has[user] for user in range(80))


def test_a_model_that_was_trained_on_all_has_no_pairs_to_compare(make_case, noise):
    with pytest.raises(NotPossible, match="--no-refit"):
        privacy.membership(make_case(noise, knows_test=True))
    found = privacy.measure(make_case(noise, knows_test=True))
    assert "not_possible" in found["membership"] and "columns" in found["attributes"]


def test_without_memory_for_ease_the_first_attack_stands_alone(make_case, noise, monkeypatch):
    monkeypatch.setattr(privacy.EASE, "fits", lambda interactions: False)
    found = privacy.membership(make_case(noise))
    assert "control_auc" not in found and found["leak"] == found["auc"]


def test_strata_compare_pairs_of_like_control_only(monkeypatch):
    # By score alone 3 of 4 comparisons are right; within the two halves by control one of two.
    labels, scores = np.array([1, 0, 1, 0]), np.array([1.0, 2.0, 4.0, 0.0])
    control = np.array([0.0, 0.0, 1.0, 1.0])
    monkeypatch.setattr(privacy, "STRATA", 2)
    assert privacy.within_strata(labels, scores, control) == 0.5
    assert privacy.within_strata(np.ones(4), scores, control) == 0.5


def test_standardized_scores_leave_items_without_a_score_out():
    # Of 1 and 3 the mean is 2 and the deviation 1.
    assert privacy.standardized(np.array([[1.0, 3.0, -np.inf]])).tolist() == [[-1, 1, 0]]


def test_an_attribute_that_stands_in_the_vectors_is_read(make_case, noise, split):
    taste = (np.arange(80) % 2).astype(np.float32)

    def case_with(first):
        vectors = VectorRecommender(
            user_vectors=np.concatenate([first[:, None], noise[:, :3]], 1),
            item_vectors=noise[:24, 4:8],
            unknown_user=np.zeros(4, np.float32),
            interactions=split.train,
        )
        return make_case(vectors.user_vectors @ vectors.item_vectors.T, vectors=vectors)

    told = privacy.attribute_inference(case_with(taste))
    silent = privacy.attribute_inference(case_with(noise[:, 9]))
    assert told["leak"] > 0.95 > 0.75 > silent["leak"]
    assert told["worst"] == "taste" and told["read"] == "vectors"
    assert told["columns"]["taste"]["history_auc"] > 0.95  # the two tastes share no item


def test_without_vectors_the_scores_are_read(make_case, noise):
    assert privacy.attribute_inference(make_case(noise))["read"] == "scores"


def test_three_groups_are_read_each_against_the_others():
    group = np.repeat([0, 1, 2], 20)
    grouping = Grouping(column="c", names=("a", "b", "c"), group=group)
    assert privacy.readable(np.eye(3)[group], grouping) == 1.0


def test_components_keep_the_distances():
    points = np.random.default_rng(0).normal(size=(6, 4))
    found = privacy.reduced(points)
    expected = np.linalg.norm(points[0] - points[1])
    assert np.linalg.norm(found[0] - found[1]) == pytest.approx(expected)
