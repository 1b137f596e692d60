import numpy as np
import pytest

from advrec_tf.data import splits
from advrec_tf.pipelines.audit import support, tables
from advrec_tf.pipelines.audit.settings import AuditSettings
from tests.worlds import block_world, interactions_of

# Items 0 and 1: eighteen users who have both, so that they count as one. Item 2: two users, who
# share nothing else. Item 3: nobody.
PAIRS = [(u, i) for u in range(18) for i in (0, 1)] + [(18, 2), (19, 2)]
LISTS = np.array([[0, 2], [0, 1], [2, -1], [0, 3]])


@pytest.fixture(scope="module")
def train():
    return interactions_of(PAIRS, 20, 4)


def test_shares_are_of_the_rated_catalogue_and_of_list_places(train):
    found = support.measure(train, LISTS, {})
    # Of three rated items only item 2 has fewer than five raters; of 7 places 2 are its, and one
    # is of the item that nobody has.
    assert found["raters_catalogue"] == pytest.approx(1 / 3)
    assert found["raters_places"] == pytest.approx(3 / 7)
    # Eighteen equal profiles are worth one rater.
    assert found["few_catalogue"] == 1 and found["few_places"] == 1


def test_items_hang_on_ten_users_where_these_hold_half_of_the_score(train):
    # n users of both items and l2 = 200: EASE's weight is n / (n + 200), so ten users hold the
    # share 1 - (n - 10) (n + 200) / ((n + 190) n), which is .534 for 18 users and .476 for 20. It
    # learns nothing of item 2 from users who have it alone: its score is 0, and nobody's.
    assert support.held(train).tolist() == [True, True, False, False]
    twenty = interactions_of([(u, i) for u in range(20) for i in (0, 1)], 20, 2)
    assert not support.held(twenty).any()
    found = support.measure(train, LISTS, {})
    assert found["held_catalogue"] == pytest.approx(2 / 3)
    assert found["held_places"] == pytest.approx(4 / 7)


def test_what_costs_too_much_is_left_out_in_a_sentence(train, monkeypatch):
    monkeypatch.setattr(support, "WORK_LIMIT", 10)
    monkeypatch.setattr(support, "PAIRS_LIMIT", 73)  # the histories have 18 x 4 + 2 pairs
    found = support.measure(train, LISTS, {})
    assert "the 74 pairs of items" in found["no_few"]
    assert "for 20 users and 4 items" in found["no_held"] and "held_places" not in found
    blocks = tables._support(found)
    assert [block["kind"] for block in blocks] == ["table", "note", "note", "note"]
    assert blocks[0]["rows"] == [["with fewer than 5 raters", "33.3%", "42.9%"]]


def test_items_are_measured_once_for_all_models_of_a_split(train, monkeypatch):
    stored = {}
    support.measure(train, LISTS, stored)
    monkeypatch.setattr(support, "few", lambda _: pytest.fail("measured twice"))
    assert support.measure(train, LISTS[:1], stored)["raters_places"] == 0.5


def test_certificates_are_left_out_unless_asked_for_and_made_once(make_case, noise, monkeypatch):
    assert support.promised(make_case(noise), 5, {}) == {}
    case, stored = make_case(noise, settings=AuditSettings(certify=30)), {}
    found = support.promised(case, 5, stored)["certificates"]
    # Of 80 users .2, .5 and 1 % are one at least; the fakes of the audit stand beside.
    assert [one["num_fakes"] for one in found["curve"]] == [1, 5, 10]
    assert found["settings"]["num_models"] == 30
    monkeypatch.setattr(support, "certified", lambda *a: pytest.fail("made twice"))
    assert support.promised(case, 5, stored)["certificates"] is found
    blocks = tables._support(
        support.measure(case.split.train, case.lists, {}) | stored["certificates"]
    )
    table, note = blocks[-2:]
    assert [row[0] for row in table["rows"]] == ["1", "5", "10"]
    assert "--defence subset-ensemble" in note["text"] and "30 models of EASE on 10" in note["text"]


def test_certificates_that_cannot_be_made_are_left_out_in_a_sentence(make_case, noise, monkeypatch):
    case = make_case(noise, settings=AuditSettings(certify=2))
    monkeypatch.setattr(support, "CELLS_LIMIT", 80 * 24 - 1)
    said = support.promised(case, 5, {})["no_certificates"]
    assert "tables of 80 users x 24 items, more than 1,919 numbers each" in said
    monkeypatch.setattr(support, "CELLS_LIMIT", 80 * 24)
    few = block_world(8, 24, 8, seed=1)
    of = splits.random_ratio(few, validation=0.0, test=0.2)
    case = make_case(noise[:8], of=of, settings=AuditSettings(certify=2))
    said = support.promised(case, 5, {})["no_certificates"]
    assert "left out: `interactions` should hold at least 10 users" in said
