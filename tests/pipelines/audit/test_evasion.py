import numpy as np
import pytest

from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit import evasion
from advrec_tf.pipelines.audit.settings import AuditSettings
from advrec_tf.pipelines.audit.subject import NotPossible

SETTINGS = AuditSettings(radii=(0.1, 0.5))


def vectors_of_tastes(split, gap):
    """Tastes that score `gap` and 0 on a common score of 1, which stands in two dimensions."""
    users, items = np.arange(80) % 2, np.arange(24) % 2
    own = np.eye(2, dtype=np.float32)
    return VectorRecommender(
        user_vectors=np.concatenate([own[users], np.ones((80, 1))], 1).astype(np.float32),
        item_vectors=np.concatenate([gap * own[items], np.ones((24, 1))], 1).astype(np.float32),
        unknown_user=np.zeros(3, np.float32),
        interactions=split.train,
    )


def case_for(make_case, vectors):
    scores = vectors.user_vectors @ vectors.item_vectors.T
    return make_case(scores, vectors=vectors, settings=SETTINGS)


def test_a_fragile_model_loses_more_than_a_solid_one(make_case, split):
    fragile = evasion.measure(case_for(make_case, vectors_of_tastes(split, 0.02)))
    solid = evasion.measure(case_for(make_case, vectors_of_tastes(split, 3.0)))
    assert fragile["loss_at_radius"] > 0.3 > solid["loss_at_radius"]
    assert fragile["radius"] == 0.1 and set(fragile["by_steps"]) == {"10", "20", "40"}
    assert len(fragile["loss"]["pgd"]) == 2 and fragile["loss"].keys() == {"fgsm", "pgd", "random"}


@pytest.mark.parametrize(
    ("fgsm_loss", "by_steps", "further", "back"),
    [
        (0.2, (0.8, 0.79, 0.78), 0.02, 0.0),
        (0.2, (0.8, 0.75, 0.7), 0.1, 0.0),  # it still falls
        (0.2, (0.8, 0.7, 0.76), 0.1, 0.06),
        (0.246, (0.787, 0.855, 0.843), 0.0, 0.101),  # weaker than one step, and than ten
        (0.3, (0.78, 0.78, 0.78), 0.0, 0.08),  # weaker than one step alone
    ],
)
def test_more_steps_that_change_the_harm_either_way_are_no_convergence(
    fgsm_loss, by_steps, further, back
):
    steps = dict(zip((10, 20, 40), np.array(by_steps) * 0.16, strict=True))
    found = evasion.steadiness(0.16, fgsm_loss, steps)
    assert found["further_loss"] == pytest.approx(further)
    assert found["given_back"] == pytest.approx(back)
    assert found["change"] == pytest.approx(max(further, back))
    assert found["converged"] == (max(further, back) <= 0.05)


def test_a_model_without_vectors_is_not_attacked(make_case, noise):
    with pytest.raises(NotPossible, match="known by its scores alone"):
        evasion.measure(make_case(noise))


def test_a_model_that_finds_nothing_cannot_lose(make_case, split):
    vectors = vectors_of_tastes(split, -1.0)  # the other taste comes first, for everyone
    with pytest.raises(NotPossible, match="without an attack"):
        evasion.measure(case_for(make_case, vectors))
