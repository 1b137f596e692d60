import numpy as np
import pytest

from advrec_tf.defence.evidence import influence
from advrec_tf.models.gram import profiles_of
from advrec_tf.pipelines.attack.evidence import of_target, sentences
from tests.worlds import interactions_of

PAIRS = [(u, i) for u in range(20) for i in (0, 1)] + [(20, 0), (20, 2), (21, 1), (21, 2)]
ACCOUNTS = np.arange(22, 27)


def test_copies_add_raters_but_little_evidence(monkeypatch):
    # Two raters of item 2 who share nothing else; five copies of one profile join them.
    clean = interactions_of(PAIRS, 22, 6)
    copies = [(22 + u, i) for u in range(5) for i in (2, 3, 4, 5)]
    poisoned = interactions_of([*PAIRS, *copies], 27, 6)
    found = of_target(clean, poisoned, 2, ACCOUNTS)
    assert found["target_effective_raters, clean"] == pytest.approx(2.0)
    assert found["target_effective_raters"] < 3.5
    # Ten users are all the raters there are.
    assert found["target_share_of_ten, clean"] == pytest.approx(1.0)
    monkeypatch.setattr(influence, "MEMORY_LIMIT", 100)
    names = ("target_raters", "target_effective_raters")
    left = of_target(clean, poisoned, 2, ACCOUNTS)
    assert set(left) == {f"{name}{suffix}" for name in names for suffix in ("", ", clean")}
    assert "was left out: the exact influence" in sentences(2, left)


def test_the_lift_of_the_accounts_is_what_a_model_without_them_lacks():
    clean = interactions_of(PAIRS, 22, 6)
    fakes = [(22 + u, i) for u in range(5) for i in (0, 1, 2)]
    poisoned = interactions_of([*PAIRS, *fakes], 27, 6)
    found = of_target(clean, poisoned, 2, ACCOUNTS)
    assert (found["target_raters, clean"], found["target_raters"]) == (2.0, 7.0)
    # Both models score the same users, the honest ones.
    profiles = profiles_of(poisoned).toarray()

    def mean_score(rows):
        inverse = np.linalg.inv(rows.T @ rows + 200.0 * np.eye(6))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        return (profiles[:22] @ weights).mean(axis=0)[2]

    lift = mean_score(profiles) - mean_score(profiles[:22])
    assert found["target_lift_of_accounts"] == pytest.approx(lift) and lift > 0
    assert found["target_mean_score"] == pytest.approx(mean_score(profiles))
    assert found["target_mean_score, clean"] + lift == pytest.approx(found["target_mean_score"])


def test_the_sentences_stand_alone():
    found = {
        "target_raters, clean": 1.0,
        "target_effective_raters, clean": 1.0,
        "target_share_of_ten, clean": 0.75,
        "target_raters": 41.0,
        "target_effective_raters": 12.34,
        "target_mean_score, clean": 0.125,
        "target_mean_score": 0.25,
        "target_lift_of_accounts": 0.125,
    }
    assert sentences("B7", found) == (
        "Item B7: 1 honest user has it, worth 1.0 independent raters, since users who share other "
        "items count together as fewer. Without an attack the 10 users who lift it most hold 75% "
        "of its mean score by EASE. With the accounts of the attack there are 41 raters, worth "
        "12.3, and its mean score by EASE over the honest users is 0.2500 and not 0.1250: +0.1250 "
        "is due to the accounts."
    )
