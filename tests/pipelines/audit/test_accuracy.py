import numpy as np
import pytest

from advrec_tf.pipelines.audit import accuracy


@pytest.fixture(scope="module")
def fitted(split):
    return accuracy.baselines(split)


@pytest.fixture(scope="module")
def of_noise(make_case, noise, fitted):
    return accuracy.measure(make_case(noise, knows_test=True), fitted)


@pytest.fixture
def oracle(split, noise):
    """Scores that know the test part."""
    scores = noise.copy()
    scores[split.test.user_index, split.test.item_index] = 10.0
    return scores


def test_the_baselines_count_without_training(fitted):
    assert list(fitted) == ["popularity", "ease", "item_knn", "transitions"]


def test_a_model_that_knows_the_answers_is_not_believable(make_case, oracle, fitted):
    popularity = {"popularity": fitted["popularity"]}
    found = accuracy.measure(make_case(oracle), popularity)
    assert found["tables"]["all"]["model"]["ndcg@10"] == [1.0, 0.0]
    best = found["tables"]["all"]["popularity"]["ndcg@10"][0]
    assert found["over_best_baseline"] == pytest.approx(1 / best) and 1 / best > 2
    assert found["over_popularity_low"] > 0
    assert found["over_ease_high"] is None and found["test_trained_on"] is None


def test_noise_is_worse_than_ease_beyond_chance(of_noise):
    # EASE knows the two tastes, so half of what noise lists is hopeless.
    assert of_noise["over_ease_high"] < 0
    row = of_noise["against"]["ease"]
    assert of_noise["over_ease_high"] == pytest.approx(row["difference"] + row["half_width"])


def test_a_model_that_is_popularity_gains_nothing_over_it(make_case, split, fitted):
    scores = fitted["popularity"].score(np.arange(80))
    found = accuracy.measure(make_case(scores, knows_test=False), fitted)
    assert found["over_popularity_low"] == 0 and found["short_over_popularity_high"] == 0
    assert found["test_trained_on"] == 0.0


def test_what_the_record_says_of_the_test_part_is_kept(of_noise):
    assert of_noise["test_trained_on"] == 1.0


def test_short_histories_and_the_tail_stand_apart(of_noise, split):
    assert of_noise["tables"]["short"]["model"]["users"] == 16  # a fifth of 80
    # Five of 24 items are the head; users with a test item elsewhere are in the third table.
    head = np.argsort(-split.train.item_counts(), kind="stable")[:5]
    tail = int((~np.isin(split.test.item_index, head)).sum())
    assert of_noise["tables"]["tail"]["model"]["users"] == tail


def test_an_interval_is_that_of_the_mean():
    # Mean 2, deviation sqrt(2), t of 1 degree of freedom 12.7062: 12.7062 * sqrt(2) / sqrt(2).
    assert accuracy.interval(np.array([1.0, 3.0])) == pytest.approx([2.0, 12.7062], rel=1e-4)
    assert accuracy.interval(np.array([1.0])) == [1.0, None]
