import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.injection import inject
from advrec_tf.pipelines.attack.stealth import stealth


def test_ratings_that_no_user_gives_are_at_the_greatest_distance(make_attack_setting):
    data = make_attack_setting().split.train
    # Real users give a 5 to the target alone, which does not count; fakes give nothing else.
    rating = np.where(data.item_index == 0, 5.0, np.minimum(data.rating, 4.0)).astype(np.float32)
    data = dataclasses.replace(data, rating=rating)
    profiles = np.zeros((2, 30), np.float32)
    profiles[:, :7] = 5.0
    found = stealth(
        inject(data, profiles, targets=np.array([0]), attack="x", rng=np.random.default_rng(0))
    )
    assert found["rating_distance"] == pytest.approx(1.0)


def test_profiles_with_nothing_but_the_target_have_no_distances(make_attack_setting):
    data = make_attack_setting(ratings=False).split.train
    profiles = np.zeros((2, 30), np.float32)
    profiles[:, 0] = 1.0
    found = stealth(
        inject(data, profiles, targets=np.array([0]), attack="x", rng=np.random.default_rng(0))
    )
    assert set(found) == {"pca_auc", "pca_ap"}


def test_popularity_distance_is_the_total_variation_over_ten_classes(make_attack_setting):
    data = make_attack_setting(ratings=False).split.train
    profiles = np.zeros((1, 30), np.float32)
    least = np.argsort(-data.item_counts(), kind="stable")[27:]  # the last class: 3 of 30 items
    target = int(np.argmax(data.item_counts()))
    profiles[0, [target, *least]] = 1.0
    found = stealth(
        inject(data, profiles, targets=np.array([target]), attack="x", rng=np.random.default_rng(0))
    )
    counts = data.item_counts()
    real = counts[least].sum() / (counts.sum() - counts[target])
    # fakes: all in the last class; so the distance is what real users have in the others
    assert found["popularity_distance"] == pytest.approx(1.0 - real)
