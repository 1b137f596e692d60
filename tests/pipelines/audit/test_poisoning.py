import dataclasses

import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.models.baselines import Popularity
from advrec_tf.pipelines.audit import page, poisoning, tables, verdicts
from advrec_tf.pipelines.audit.blocks import note
from advrec_tf.pipelines.audit.settings import AuditSettings
from advrec_tf.pipelines.audit.subject import NotPossible
from tests.worlds import interactions_of


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(poisoning, "KINDS", ("bandwagon", "random"))


def test_a_model_that_counts_clicks_is_lifted_by_fakes(make_case, noise, few):
    settings = AuditSettings(profiles=40, targets=1)
    case = make_case(noise, settings=settings, fit=lambda data: Popularity().fit(data))
    found = poisoning.measure(case)
    # Forty fakes make any item the most popular one, so all who lack it get it.
    assert found["lift"] > 0.3 and found["kinds"]["random"]["hit_rate_after"] == 1.0
    assert found["victim"] == "the model itself, trained again"
    assert found["victim_overlap"] is None and found["left_out"] == 0


def test_without_a_fit_ease_stands_in_and_its_likeness_is_told(make_case, noise, few):
    settings, stored = AuditSettings(profiles=5, targets=2), {}
    found = poisoning.measure(make_case(noise, settings=settings), stored)
    again = poisoning.measure(make_case(-noise, settings=settings), stored)
    assert again["kinds"] is found["kinds"]  # the attack of EASE is not repeated
    assert again["victim_overlap"] != found["victim_overlap"]
    assert found["victim"] == "EASE in its place" and 0 < found["victim_overlap"] < 1
    assert len(found["targets"]) == 2 and found["profiles"] == 5


def test_fakes_are_fifty_and_at_most_a_tenth_of_the_users_unless_asked_for():
    def data(users):
        return interactions_of([(user, 0) for user in range(users)], users + 3, 2)

    assert [poisoning.accounts(data(n), None) for n in (5, 45, 943)] == [1, 4, 50]
    assert poisoning.accounts(data(5), 50) == 50


def test_who_is_attacked_is_said_in_sentences():
    found = {"profiles": 1, "fillers": 7, "users": 45, "victim": "EASE in its place"}
    text = tables.attacked(found | {"victim_overlap": 0.5})
    assert text.startswith("1 fake user of 7 items each among 45 real ones pushes an item.")
    assert "Attacked is EASE in its place. Its lists are 50" in text
    own = tables.attacked(found | {"profiles": 4, "victim_overlap": None})
    assert own.startswith("4 fake users of") and own.endswith("EASE in its place.")


def test_what_takes_too_long_is_left_out_and_counted(make_case, noise, few, monkeypatch):
    monkeypatch.setattr(poisoning, "RETRAINING_SECONDS", 0.0)
    settings = AuditSettings(profiles=5, targets=2)
    case = make_case(noise, settings=settings, fit=lambda data: Popularity().fit(data))
    found = poisoning.measure(case)
    assert list(found["kinds"]) == ["bandwagon"] and found["left_out"] == 1
    assert len(found["targets"]) == 1


def test_targets_are_of_the_middle_half_by_popularity(split, world):
    counts = split.train.item_counts()
    targets = poisoning.choose_targets(split.train, 5, np.arange(80), 0)
    low, high = np.quantile(counts, [0.25, 0.75])
    assert len(targets) == 5 and ((counts[targets] >= low) & (counts[targets] <= high)).all()


def test_detectors_find_profiles_that_are_all_the_same(split):
    rng = np.random.default_rng(0)
    profiles = np.zeros((6, 24), np.float32)
    profiles[:, :14] = 1.0  # of both tastes, and long
    poisoned = poisoning.inject(
        split.train, profiles, targets=np.array([0]), attack="planted", rng=rng
    )
    assert max(poisoning.detect(poisoned).values()) > 0.9


def test_kinds_that_do_not_fit_the_data_are_left_out_and_named(make_case, noise, monkeypatch):
    monkeypatch.setattr(poisoning, "KINDS", ("random", "average-over-popular"))
    # The popular fifth of 24 items has no room for profiles of seven.
    settings = AuditSettings(profiles=5, targets=1)
    case = make_case(noise, settings=settings, fit=lambda data: Popularity().fit(data))
    found = poisoning.measure(case)
    assert list(found["kinds"]) == ["random"]
    why = found["unfit"]["average-over-popular"]
    assert why.startswith("`num_fillers` should be at most")
    (text, *_) = (block["text"] for block in tables.poisoning(found) if block["kind"] == "note")
    assert f"does not fit the data: average-over-popular: {why}" in text


def test_what_nothing_can_be_injected_into_still_shows_its_evidence_and_certificates(
    make_case, noise, monkeypatch
):
    monkeypatch.setattr(poisoning, "KINDS", ("average-over-popular", "random"))

    def refuse(kind, *_):
        raise ValueError("Too few.")

    monkeypatch.setattr(poisoning, "injected", refuse)
    settings = AuditSettings(profiles=5, targets=1, certify=30)
    found = poisoning.measure(
        make_case(noise, settings=settings, fit=lambda data: Popularity().fit(data))
    )
    said = "Left out: no kind of fake profile fits the data. average-over-popular, random: Too few."
    assert found["no_lift"] == found["no_found_least"] == said
    report = {"name": "m", "sections": {"poisoning": found}}
    blocks = page.blocks_of("poisoning", [report])
    assert blocks[0] == note(said) and not any(one["kind"] == "image" for one in blocks)
    assert any("certificates" in one.get("caption", "") for one in blocks)
    judged = {v.check.name: v.why for v in verdicts.judge({"poisoning": found}) if v.value is None}
    assert judged["poisoning.lift"] == judged["poisoning.found"] == said


def test_ratings_from_zero_on_are_shifted_and_attacked(make_case, world, noise, few):
    rating = np.arange(len(world), dtype=np.float32) % 6
    rated = splits.last_item(dataclasses.replace(world, rating=rating))
    seen = []

    def fit(data):
        seen.append((float(data.rating.min()), float(data.rating.max())))
        return Popularity().fit(data)

    settings = AuditSettings(profiles=5, targets=1)
    found = poisoning.measure(make_case(noise, of=rated, settings=settings, fit=fit))
    assert found["shift"] == 1.0 and set(found["kinds"]) == {"bandwagon", "random"}
    assert set(seen) == {(1.0, 6.0)}
    assert "Ratings were shifted by +1" in tables.poisoning(found)[0]["text"]


def test_without_an_item_to_push_the_section_is_left_out(split):
    with pytest.raises(NotPossible, match=r"no item to push, .* measured \(1\)"):
        poisoning.choose_targets(split.train, 2, np.arange(1), 0)
