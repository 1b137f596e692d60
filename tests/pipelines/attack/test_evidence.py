import pytest

from advrec_tf.defence.evidence import influence
from advrec_tf.pipelines.attack.evidence import of_target
from tests.worlds import interactions_of

PAIRS = [(u, i) for u in range(20) for i in (0, 1)] + [(20, 0), (20, 2), (21, 1), (21, 2)]


def test_copies_add_raters_but_little_evidence(monkeypatch):
    # Two raters of item 2 who share nothing else; five copies of one profile join them.
    clean = interactions_of(PAIRS, 27, 6)
    copies = [(22 + u, i) for u in range(5) for i in (2, 3, 4, 5)]
    poisoned = interactions_of([*PAIRS, *copies], 27, 6)
    found = of_target(clean, poisoned, 2)
    assert found["target_effective_raters, clean"] == pytest.approx(2.0)
    assert found["target_effective_raters"] < 3.5
    # Ten users are all the raters there are.
    assert found["target_share_of_ten, clean"] == pytest.approx(1.0)
    monkeypatch.setattr(influence, "MEMORY_LIMIT", 100)
    assert set(of_target(clean, poisoned, 2)) == {
        "target_effective_raters",
        "target_effective_raters, clean",
    }
