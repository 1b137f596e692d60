import numpy as np

from advrec_tf.defence.detectors.pca_var_select import PCAVarSelect
from advrec_tf.evaluation.classification import area_under_curve


def test_average_profiles_load_little_on_the_principal_components(attacked):
    detector = PCAVarSelect().fit(attacked.interactions)
    auc = area_under_curve(attacked.is_fake, detector.score(attacked.interactions))
    assert auc > 0.7


def test_the_subspace_is_that_of_the_whole_eigendecomposition(rows_of):
    rng = np.random.default_rng(0)
    profiles = rng.integers(0, 6, (12, 30))
    user, item = np.nonzero(profiles)
    rows = rows_of(list(zip(user, item, profiles[user, item].astype(float), strict=True)), items=30)
    scaled = (profiles - profiles.mean(1, keepdims=True)) / profiles.std(1, keepdims=True)
    _, vectors = np.linalg.eigh(scaled @ scaled.T)
    distance = np.sum(vectors[:, -3:] ** 2, axis=1)
    found = PCAVarSelect(iterations=400).fit(rows).score(rows)
    np.testing.assert_allclose(found, -distance / distance.mean(), atol=1e-4)
