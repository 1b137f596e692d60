import types

import numpy as np
import pytest

pytest.importorskip("sklearn")

from advrec_tf.pipelines.stages import StageStore
from experiments.detection import labeled
from tests.worlds import tiny_world


class ByLength:
    """The longer a profile, the more suspicious; it keeps what it was fitted on."""

    def __init__(self, transductive, needs_labels):
        self.transductive, self.needs_labels = transductive, needs_labels
        self.fitted = []

    def fit(self, data, is_fake=None):
        self.fitted.append(((data.user_counts() > 0).sum(), is_fake))
        return self

    def score(self, data):
        return data.user_counts().astype(float)


@pytest.mark.parametrize(
    ("transductive", "needs_labels", "users"),
    [(True, False, [40]), (True, True, [40] * 5), (False, True, [32] * 5)],
)
def test_what_a_detector_needs_decides_what_it_is_fitted_on(
    transductive, needs_labels, users, monkeypatch, tmp_path
):
    world = tiny_world(40, 30)
    is_fake = np.arange(40) % 2 == 0
    detector = ByLength(transductive, needs_labels)
    entry = types.SimpleNamespace(build=lambda seed: detector)
    data = types.SimpleNamespace(interactions=world, is_fake=is_fake)
    monkeypatch.setattr(labeled, "DETECTORS", {"by length": entry})
    monkeypatch.setattr(labeled, "load_spam", lambda name: data)
    found = labeled.labeled_set(
        StageStore(tmp_path, {}), "toy", detectors=["by length"], seeds=1, log=lambda line: None
    )
    data.is_fake = ~is_fake
    with pytest.raises(ValueError, match="toy holds a run that differs: `data_sha256`"):
        labeled.labeled_set(StageStore(tmp_path, {}, resume=True), "toy", detectors=[], seeds=1)
    assert [count for count, _ in detector.fitted] == users
    assert found["guess"]["average_precision"] == 0.5
    assert 0 < found["by length"]["average_precision"] <= 1
    if transductive and needs_labels:  # the labels of the tested fold are not given
        given = [labels.sum() for _, labels in detector.fitted]
        assert sum(given) == 4 * is_fake.sum()
