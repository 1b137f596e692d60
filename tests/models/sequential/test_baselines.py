import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE, sequences_of
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.sequential.baselines import MarkovChain


@pytest.fixture
def data():
    """User u did u, u + 1, u + 2 of a ring of six items; user 6 did 0 and 1."""
    pairs = [(u, (u + i) % 6) for u in range(6) for i in range(3)] + [(6, 0), (6, 1)]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(7)),
        items=Vocabulary(np.arange(6)),
    )


@pytest.fixture
def sequences(data):
    return sequences_of(data, length=3)


def test_the_chances_of_a_transition_are_worked_by_hand(data, sequences):
    # after item 0 comes 1 in the sequences of users 0, 5 and 6, and nothing else; 1 is last of
    # user 5 (cut, not ended) and the end of user 6
    chain = MarkovChain(strength=2.0).fit(sequences, data)
    # all that came: 7 beginnings, 13 transitions, 1 end: 21; of them to item 1: two transitions
    # of rings, one of user 6 and one beginning: 4
    chances = chain.chances(np.array([1]))[0]
    assert chances[2] == pytest.approx((3 + 2 * 4 / 21) / 5)
    assert chances[0] == pytest.approx(2 * (1 / 21) / 5)
    assert chances.sum() == pytest.approx(1.0)
    after_one = chain.chances(np.array([2]))[0]  # to 2 twice, to the end once
    assert after_one[0] == pytest.approx((1 + 2 * 1 / 21) / 5)


def test_a_chain_of_no_popularity_walks_the_ring(data, sequences):
    chain = MarkovChain(strength=1e-6).fit(sequences, data)
    made = chain.generate(50, seed=0)
    whole = made[:, 2] != NONE
    steps = np.diff(made[whole], axis=1) % 6
    assert whole.sum() > 20 and (steps == 1).all()
    assert (chain.generate(5, seed=0, start=[4])[:, 0] == 4).all()


def test_a_chain_does_not_repeat_unless_asked_to(data, sequences):
    chain = MarkovChain(strength=1e6).fit(sequences, data)
    made = [row[row != NONE] for row in chain.generate(200, seed=0)]
    assert all(len(set(row)) == len(row) for row in made)
    made = [row[row != NONE] for row in chain.generate(200, seed=0, repeats=True)]
    assert any(len(set(row)) < len(row) for row in made)


def test_a_chain_ranks_what_follows_the_last_item(data, sequences):
    chain = MarkovChain(strength=0.1).fit(sequences, data)
    scores = chain.score(tf.constant([0, 3])).numpy()
    assert scores.argmax(1).tolist() == [3, 0]  # user 0 ended at 2, user 3 at 5


def test_a_strength_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`strength` should be > 0"):
        MarkovChain(strength=0.0)
