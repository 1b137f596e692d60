import dataclasses

import numpy as np
import pytest

from advrec_tf.defence.registry import DEFENCES
from advrec_tf.pipelines.attack import responses
from advrec_tf.pipelines.attack.cell import Cell
from advrec_tf.pipelines.attack.defended import train_defended
from advrec_tf.pipelines.attack.runner import runner_in, verified_of
from tests.worlds import interactions_of

CELL = Cell(attack="average", victim="biased_mf", target=0, group="tail", size=0.1)


def test_a_cell_is_measured_once_and_profiles_are_shared_between_victims(make_runner, monkeypatch):
    runner = make_runner()
    first = runner.run(CELL)
    assert first["target_hit_rate@10"] > first["target_hit_rate@10, clean"]
    monkeypatch.setattr(runner, "_make_profiles", lambda cell: pytest.fail("made twice"))
    again = runner.run(dataclasses.replace(CELL, victim="ease"))
    assert again["pca_auc"] == first["pca_auc"]
    monkeypatch.setattr(runner, "measure", lambda *cells: pytest.fail("measured twice"))
    assert runner.run(CELL) == first


def test_without_an_attack_and_a_defence_nothing_moves(make_runner):
    found = make_runner().run(dataclasses.replace(CELL, attack="none"))
    assert "prediction_shift" not in found and "list_overlap@10" not in found
    assert found["target_rank"] == found["target_rank, clean"]
    assert found["ndcg@10"] == found["ndcg@10, clean"]


def test_shifts_are_against_the_same_defence_without_an_attack(make_runner):
    # Votes are whole numbers and popularity below 1, the scores of EASE below 1: the shift of votes
    # against EASE would hold the votes that the target has without an attack.
    runner = make_runner()
    cell = dataclasses.replace(CELL, victim="ease", defence="subset-ensemble")
    found = runner.run(cell)
    users = np.flatnonzero(runner._before("ease", "none", 0, 0)[0].applies[0])
    before, _ = runner._unattacked("ease", "subset-ensemble", 0)
    defence, (poisoned, _) = runner.defence_of(cell), runner.poisoned(cell)
    rows = defence.training_data(poisoned.interactions, seed=0)
    after = train_defended("ease", rows, defence, seed=0)
    moved = after.score(users).numpy()[:, 0] - before.score(users).numpy()[:, 0]
    assert found["prediction_shift"] == pytest.approx(moved.mean(), abs=1e-4)
    alone = runner.run(dataclasses.replace(cell, attack="none"))
    assert alone["ndcg@10"] > 0 and "prediction_shift" not in alone


def test_the_record_of_a_run_holds_names_and_numbers_and_no_sentence(make_runner, tmp_path):
    identity = runner_in(tmp_path / "own", make_runner().setting).store.identity
    words = [value for value in identity.values() if isinstance(value, str)]
    assert identity["results_version"] == 2 and [word for word in words if " " in word] == []


def test_a_segment_attack_rates_the_published_segment(make_runner):
    poisoned, _ = make_runner().poisoned(dataclasses.replace(CELL, attack="segment"))
    fakes = poisoned.interactions.select(poisoned.fake_interactions())
    for item in (0, 28, 29):
        assert (fakes.rating[fakes.item_index == item] == 5).sum() == 5  # 10 % of 50 users


def test_a_cell_that_does_not_fit_is_refused(make_runner):
    with pytest.raises(ValueError, match="`cell` should fit .* biased_mf needs ratings"):
        make_runner(ratings=False).run(CELL)


def test_a_best_response_is_searched_for_one_victim_behind_one_defence(make_runner, monkeypatch):
    monkeypatch.setattr(responses, "STARTS", ({}, {"accounts": 0.4}))
    monkeypatch.setattr(responses, "TRIES", 2)
    runner = make_runner()
    cell = dataclasses.replace(CELL, attack="best-response", victim="ease")
    attack = runner.attack_of(cell)
    assert len(attack.candidates) == 3 and attack.num_tries == 2 and attack.num_profiles == 5
    found = runner.run(cell)
    assert found["target_hit_rate@10"] >= found["target_hit_rate@10, clean"]
    poisoned, _ = runner.poisoned(cell)
    assert 1 <= poisoned.is_fake.sum() <= 5
    assert runner.store.has(f"profiles-{cell.name()}")  # not shared with other defences


def test_defences_are_told_who_is_verified_and_no_fake_user_is(make_runner):
    runner = make_runner()
    users = runner.train.users.ids.tolist()
    assert len(runner.verified) == 10 and set(runner.verified.tolist()) <= set(users)
    for name in ("verified-counts", "coherence-weights+verified-counts"):
        defence = runner.defence_of(dataclasses.replace(CELL, defence=name))
        told = defence.defences[1] if "+" in name else defence
        assert told.verified == tuple(runner.verified)
    found = runner.run(dataclasses.replace(CELL, victim="ease", defence="verified-counts"))
    assert found["ndcg@10"] > 0


def test_who_is_verified_is_not_asked_where_no_defence_asks(make_runner):
    runner = make_runner()
    runner.verified_share = 0.001  # nobody of 50
    assert runner.defence_of(CELL) == DEFENCES["none"]
    with pytest.raises(ValueError, match="`verified_share` should be in"):
        runner.defence_of(dataclasses.replace(CELL, defence="verified-counts"))


def test_the_verified_users_are_a_share_of_those_with_interactions():
    pairs = interactions_of([(user, 0) for user in (1, 3, 5, 7)], num_users=9)
    found = verified_of(pairs, 0.5)
    assert len(set(found.tolist())) == 2 and set(found.tolist()) <= {1, 3, 5, 7}
    assert found.tolist() == verified_of(pairs, 0.5).tolist()
    assert verified_of(pairs, 1.0).tolist() == [1, 3, 5, 7]
    for share in (0.0, 0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="`verified_share` should be in .* of the 4 users"):
            verified_of(pairs, share)


def test_a_level_of_knowledge_limits_what_an_attack_sees(make_runner):
    runner = make_runner()
    shown = runner.attack_of(dataclasses.replace(CELL, knowledge="gray", seed=3))
    assert shown.fraction == 0.2 and shown.num_profiles == runner.num_profiles(0.1) == 5
