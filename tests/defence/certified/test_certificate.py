import numpy as np
import pytest

from advrec_tf.defence.certified.certificate import Certificate, certify
from advrec_tf.defence.certified.subset_ensemble import SubsetEnsemble
from advrec_tf.models.baselines import Popularity
from tests.worlds import interactions_of

MILLION = 1_000_000


def ensemble_of(shares, has, *, models=MILLION):
    """An ensemble of subsets of one user with given votes; its users have the items of `has`."""
    model = SubsetEnsemble(subset_size=1, num_models=models, votes_each=1)
    model.interactions = interactions_of(np.argwhere(has), *np.shape(has))
    model.votes = np.rint(np.asarray(shares) * models).astype(np.int32)
    model._tie_break = np.zeros(np.shape(has)[1], np.float32)
    return model


def test_a_certificate_counts_what_stays_by_hand():
    # Lists of one, so many models that bounds hardly differ from the votes; with one fake a third
    # of the subsets of one of two users is corrupted.
    has = np.array([[1, 0, 0, 0], [1, 0, 0, 0]])
    model = ensemble_of([[0, 0.9, 0.1, 0], [0, 0.6, 0.4, 0]], has)
    test = interactions_of([(0, 1), (0, 3), (1, 1)], 2, 4)
    (none, one) = certify(model, test, (0, 1), k=1)
    assert none.kept == none.hits == 2 and none.barred == 1.0 and none.kept_share == 1.0
    # User 0: item 2 needs a gain of .8 * 2/3 = .53 > 1/3; user 1: .2 * 2/3 = .13.
    assert one.clean == pytest.approx(2 / 3)
    assert (one.hits, one.kept, one.kept_share) == (2, 1, 0.5)
    # User 0: items 2 and 3 get at most .4 and .33, item 1 keeps .6. User 1 keeps .4; item 2 gets
    # .6, item 3 .33.
    assert one.barred == pytest.approx((1 + 0.5) / 2)
    assert one.precision == 0.5 and one.recall == pytest.approx((1 / 2 + 0) / 2)
    assert one.ndcg == pytest.approx((1 + 0) / 2)


def test_kept_hits_count_at_the_end_of_the_list():
    has = np.array([[1, 0, 0, 0]] * 50)
    model = ensemble_of(np.tile([0, 0.9, 0.8, 0.001], (50, 1)), has)
    (found,) = certify(model, interactions_of([(0, 1)], 50, 4), (1,), k=2)
    # One hit at the second of two places: 1 / log2 3.
    assert found.kept == 1 and found.ndcg == pytest.approx(1 / np.log2(3))


def test_few_models_certify_less_and_a_wrong_test_is_refused():
    has = np.array([[1, 0, 0, 0], [1, 0, 0, 0]])
    model = ensemble_of([[0, 0.9, 0.1, 0], [0, 0.6, 0.4, 0]], has, models=10)
    (found,) = certify(model, interactions_of([(0, 1)], 2, 4), (1,), k=1)
    assert isinstance(found, Certificate) and found.kept == 0
    with pytest.raises(ValueError, match="`test` should hold interactions of 2 users"):
        certify(model, interactions_of([(0, 1)], 3, 4), (1,))


def test_what_casts_no_votes_and_numbers_that_are_none_are_refused():
    has = np.array([[1, 0, 0, 0], [1, 0, 0, 0]])
    test = interactions_of([(0, 1)], 2, 4)
    with pytest.raises(ValueError, match="`ensemble` should be a `SubsetEnsemble`.* Popularity"):
        certify(Popularity().fit(test), test, [1])
    for fakes in (2, [1.5], [-1], []):
        with pytest.raises(ValueError, match="`num_fakes` should be a list of whole numbers"):
            certify(ensemble_of([[0, 0.9, 0.1, 0], [0, 0.6, 0.4, 0]], has), test, fakes)
