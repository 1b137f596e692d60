import numpy as np
import pytest
from tensorflow import keras

import advrec_tf as ar
from experiments.compression import composed, pruned
from experiments.compression.study import parameters
from tests.worlds import interactions_of

DATA = interactions_of([(0, 0), (1, 1)], 300, 500)


def test_composed_tables_stand_beside_rows_of_as_many_parameters():
    found = {}
    for name, dim, id_table in composed.kinds(DATA, 32):
        model = ar.models.two_tower(DATA, embedding_dim=dim, id_table=id_table)
        found[name] = parameters(model)
    assert found["a row for each id"] == 800 * 32
    # a quarter; 75 + 4 and 125 + 4 rows; 57 and 94 buckets, and two weights for each id
    assert found["fewer dimensions"] == 800 * 8
    assert found["quotient and remainder"] == (75 + 4 + 125 + 4) * 32
    assert found["hashes"] == (57 + 94) * 32 + 800 * 2
    # roots of 300 and 500: 17 + 18 and 22 + 23 rows, 80 of 800, so 3.2 of 32 dimensions
    assert found["quotient and remainder, least"] == (17 + 18 + 22 + 23) * 32
    assert found["fewest dimensions"] == 800 * 3


@pytest.mark.parametrize(("sparsity", "left"), [(0.5, 4128), (0.9, 825.6)])
def test_the_small_tower_has_as_many_weights_as_are_left(sparsity, left):
    # 64 * 64 + 64 * 64 + 64 = 8256 weights of the plain one
    dim, hidden = pruned.small(sparsity)
    sizes = []
    for width in (dim, dim + 1):
        head = ar.models.ranking_tower(DATA, embedding_dim=width, hidden=(2 * width,)).head
        dense = [part for part in head.submodules if isinstance(part, keras.layers.Dense)]
        sizes.append(sum(int(np.prod(layer.kernel.shape)) for layer in dense))
    assert hidden == 2 * dim and sizes[0] <= left < sizes[1]
