import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

from advrec_tf.data.readers.frames import from_frame
from advrec_tf.data.readers.tables import read_table
from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.pipelines.fraud import ranking


def test_injected_profiles_lead_the_list(attacked_verdicts):
    verdicts, _, _ = attacked_verdicts
    assert area_under_curve(np.arange(106) >= 100, verdicts.suspicion) > 0.95


def test_labeled_users_are_scored_without_their_label(ring_file, monkeypatch):
    monkeypatch.setattr(ranking, "FOLDS", 2)
    data = read_table(ring_file, rating_column="rating").interactions
    truth = np.array([str(u).startswith("ring") for u in data.users.ids], float)
    honest = ranking.detect(data, labels=truth, day=None)
    # One ring member called honest: had its own label been read, it would score like one.
    mislabeled = truth.copy()
    member = int(np.flatnonzero(truth)[0])
    mislabeled[member] = 0.0
    found = ranking.detect(data, labels=mislabeled, day=None)
    assert honest.suspicion[truth == 1].min() > honest.suspicion[truth == 0].max()
    assert found.suspicion[member] > found.suspicion[truth == 0].max()
    # Users without a label are scored too.
    some = np.where(np.arange(len(truth)) % 3 == 0, np.nan, truth)
    assert np.isfinite(ranking.detect(data, labels=some, day=None).suspicion).all()


def test_two_labeled_fakes_are_held_out_one_at_a_time_and_one_is_too_few(tmp_path):
    data = small_world()
    labels = np.full(data.num_users, np.nan)
    labels[:2], labels[2:14] = 1.0, 0.0
    verdicts = ranking.detect(data, labels=labels, seed=0)
    assert np.isfinite(verdicts.suspicion[:14]).all() and verdicts.labeled == 14
    for few in ([1], range(2, 14)):
        fewer = labels.copy()
        fewer[few] = np.nan
        with pytest.raises(ValueError, match="at least 2 fakes and 10 honest users who have rows"):
            ranking.detect(data, labels=fewer, seed=0)


def small_world():
    from advrec_tf.data.interactions import Interactions
    from advrec_tf.data.vocabulary import Vocabulary

    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((40, 30)) < 0.3)
    return Interactions(
        user_index=users.astype(np.int32),
        item_index=items.astype(np.int32),
        users=Vocabulary(np.arange(40)),
        items=Vocabulary(np.arange(30)),
        rating=rng.integers(1, 6, len(users)).astype(np.float32),
    )


def test_where_users_are_too_few_to_compare_that_sign_is_left_out(copies):
    verdicts = ranking.detect(copies(30), day=None)
    assert "overlap" not in verdicts.signs and verdicts.overlap is None


def test_a_file_of_users_with_one_item_each_is_too_small_to_tell():
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(50)], "item_id": ["i", "j"] * 25})
    with pytest.raises(ValueError, match="at least 10 users with two items.*Received 0 of 50"):
        ranking.detect(from_frame(frame).interactions, day=None)


def test_overlaps_that_are_the_file_s_habit_are_weighed_down(copies, monkeypatch):
    data = copies(100)
    count = np.arange(data.num_users)
    # One user of five overlaps as hardly anybody does elsewhere.
    monkeypatch.setattr(
        ranking.OverlapDetector, "score", lambda *_: np.where(count % 5 == 0, ranking.OVERLAP, 0.0)
    )
    verdicts = ranking.detect(data, day=None)
    fraction = (count % 5 == 0).mean()
    assert verdicts.weighed["overlap"] == pytest.approx(ranking.MOST / fraction)
    ordinary = (count % 5 == 0) & (verdicts.signs["like_simulated_attacks"] < 0.2)
    assert ordinary.any() and not verdicts.flagged[ordinary].any()
