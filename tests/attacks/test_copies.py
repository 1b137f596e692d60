import numpy as np
import pytest

from advrec_tf.attacks.copies import CopyAttack, most_active, nearest_users, template_users


def test_templates_are_users_with_enough_items_or_the_most_active():
    counts = np.array([5, 0, 7, 3, 7])
    assert template_users(counts, 5, min_users=3).tolist() == [0, 2, 4]
    assert template_users(counts, 6, min_users=3).tolist() == [2, 4, 0]
    assert template_users(counts, 0, min_users=5).tolist() == [2, 4, 0, 3]  # one item is needed
    assert most_active(counts, 2).tolist() == [2, 4]


def test_copies_are_cut_from_one_user_or_from_four_in_equal_parts(ratings):
    rng = np.random.default_rng(0)
    targets = np.array([0])
    known = np.zeros((ratings.num_users, ratings.num_items), np.float32)
    known[ratings.user_index, ratings.item_index] = ratings.rating
    known[:, targets] = 0.0
    fillers = int(np.sort((known > 0).sum(axis=1))[-10])  # ten users have as many
    for sources in (1, 2):
        attack = CopyAttack(num_profiles=4, num_fillers=fillers, num_sources=sources)
        for profile in attack.profiles(ratings, targets, rng=rng):
            assert profile[0] == 5 and 0 < (profile[1:] > 0).sum() <= fillers
            # Every filler is rated as one of the users who are copied rated it.
            agrees = (known == profile) & (profile > 0)
            covered = agrees.sum(axis=1).max()
            if sources == 1:
                assert covered == (profile[1:] > 0).sum()
            assert agrees[:, 1:].any(axis=0).sum() == (profile[1:] > 0).sum()


def test_copies_of_power_users_are_of_the_most_active(ratings):
    targets = np.array([0])
    known = np.zeros((ratings.num_users, ratings.num_items), np.float32)
    known[ratings.user_index, ratings.item_index] = ratings.rating
    known[:, targets] = 0.0
    best = int(np.argmax((known > 0).sum(axis=1)))
    attack = CopyAttack(num_profiles=3, num_fillers=2, num_power_users=1)
    for profile in attack.profiles(ratings, targets, rng=np.random.default_rng(1)):
        own = profile.copy()
        own[targets] = 0
        assert (own > 0).sum() == 2
        assert (known[best][own > 0] == own[own > 0]).all()


def test_a_community_is_a_user_and_those_nearest_by_the_cosine():
    held = np.zeros((4, 12), bool)
    held[0, :4] = held[1, :3] = held[2, :8] = held[3, 8:] = True
    users = np.array([5, 6, 7, 8])
    found = nearest_users(held, 3, rng=Drawn(0), users=users)
    # With user 0: 3 / sqrt(3 * 4) = .87 and 4 / sqrt(8 * 4) = .71.
    assert found.tolist() == [5, 6, 7]
    assert nearest_users(held, 2, rng=Drawn(3), users=users)[0] == 8


class Drawn(np.random.Generator):
    """A random stream that draws one number."""

    def __init__(self, value):
        super().__init__(np.random.PCG64(0))
        self.value = value

    def integers(self, count):
        return self.value


def test_copies_of_a_community_are_of_its_users(ratings):
    targets = np.array([0])
    known = np.zeros((ratings.num_users, ratings.num_items), np.float32)
    known[ratings.user_index, ratings.item_index] = ratings.rating
    known[:, targets] = 0.0
    # A community of one: whoever is drawn, all profiles are of that user.
    attack = CopyAttack(num_profiles=6, num_fillers=4, community=1)
    profiles = attack.profiles(ratings, targets, rng=np.random.default_rng(0))
    profiles[:, targets] = 0
    copied = ((known == profiles[:, None]) | (profiles[:, None] == 0)).all(axis=2)
    assert copied.all(axis=0).any() and len(np.unique(profiles, axis=0)) > 1


@pytest.mark.parametrize(
    "settings",
    [
        {"num_sources": 0},
        {"num_sources": 3, "num_power_users": 2},
        {"num_sources": 3, "community": 2},
    ],
)
def test_copies_need_a_source(settings):
    with pytest.raises(
        ValueError, match="`num_sources` should be >= 1 and `num_power_users` at least as much"
    ):
        CopyAttack(num_profiles=1, num_fillers=1, **settings)
