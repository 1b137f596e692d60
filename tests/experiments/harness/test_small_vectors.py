import numpy as np
import pytest

from experiments.harness.small_vectors import bytes_of, rounded
from tests.worlds import interactions_of


def test_a_vector_has_its_numbers_and_int8_a_scale():
    assert [bytes_of(10, kind) for kind in ("float32", "float16", "int8")] == [40, 20, 12]


@pytest.mark.parametrize(("kind", "lost"), [("float32", 0.0), ("float16", 1e-3), ("int8", 2e-2)])
def test_the_model_ranks_by_what_the_tables_hold(kind, lost):
    rng = np.random.default_rng(0)
    users, items = (rng.normal(size=(20, 4)).astype(np.float32) for _ in range(2))
    pairs = interactions_of([(0, 0)], num_users=20, num_items=20)
    model = rounded(users, items, kind, pairs)
    for found, given in ((model.user_vectors, users), (model.item_vectors, items)):
        error = np.linalg.norm(found - given) / np.linalg.norm(given)
        assert error <= lost
        assert (error > 0) == (kind != "float32")
