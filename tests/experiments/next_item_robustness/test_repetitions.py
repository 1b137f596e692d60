import numpy as np
import pytest

from advrec_tf.pipelines.stages import StageStore
from experiments.next_item_robustness import repetitions, rows, study


class Seed:
    """A study whose rows have the NDCG of two users that it is made of."""

    def __init__(self, values):
        self.values = values

    def of_users(self, label, strength):
        clean, attacked = self.values[label]
        found = {("random", 0): clean, ("random", 5): attacked}
        if label != rows.POPULARITY:
            found["gradient", 5] = attacked
        return {at: np.array(values) for at, values in found.items()}


def row(*labels):
    return {label: {"curves": []} for label in labels}


def test_a_row_is_compared_over_the_seeds_that_have_it():
    first = Seed(
        {
            rows.PLAIN: ([0.5, 0.5], [0.1, 0.3]),
            rows.BLENDED: ([0.5, 0.7], [0.3, 0.3]),
            rows.POPULARITY: ([0.4, 0.4], [0.4, 0.4]),
        }
    )
    second = Seed({rows.PLAIN: ([0.7, 0.5], [0.3, 0.3]), rows.BLENDED: ([0.9, 0.7], [0.5, 0.5])})
    found = repetitions.tests(
        [
            (first, row(rows.PLAIN, rows.BLENDED, rows.POPULARITY)),
            (second, row(rows.PLAIN, rows.BLENDED)),
        ]
    )
    assert list(found) == [rows.BLENDED, rows.POPULARITY]
    blended = found[rows.BLENDED]
    # means of the users: .6 and .5 of the plain network, .7 and .7 of the blend
    assert blended["clean"]["difference"] == pytest.approx(0.15)
    # .2 and .3 against .4 and .4
    assert blended["random"]["difference"] == pytest.approx(0.15)
    assert list(blended) == ["clean", "random", "gradient"]
    # of the first seed alone: .4 and .4 against .5 and .5
    assert found[rows.POPULARITY]["clean"]["difference"] == pytest.approx(-0.1)
    assert list(found[rows.POPULARITY]) == ["clean", "random"]


def test_rows_that_were_not_attacked_are_not_compared():
    priced = {rows.CLEANED: {"strength": 1}}
    assert repetitions.tests([(Seed({}), row(rows.PLAIN) | priced)]) == {}


def test_the_first_seed_chooses_and_the_others_repeat(tmp_path, monkeypatch):
    asked = []

    def pollution(self, without=(), priced=()):
        asked.append((self.seed, self.settings))
        labels = [label for label in rows.LABELS if label not in without]
        return {label: {"strength": 0.1} if label == rows.ATTACKED else {} for label in labels}

    monkeypatch.setattr(study.Robustness, "pollution", pollution)
    store = StageStore(tmp_path, {"job": "x"})
    found = repetitions.polluted(
        None, store, seeds=2, without=[rows.PGD], repeated=[rows.ATTACKED, rows.BLENDED]
    )
    assert asked == [(0, None), (1, {rows.ATTACKED: 0.1})]
    assert set(found[0][1]) == {*rows.LABELS} - {rows.PGD}
    assert list(found[1][1]) == [rows.PLAIN, rows.ATTACKED, rows.BLENDED]
    found = repetitions.polluted(None, store, seeds=2, priced=[rows.MEDIAN])
    assert set(found[1][1]) == {*rows.LABELS} - {rows.MEDIAN}
