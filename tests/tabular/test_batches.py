import numpy as np
import pytest

from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.transform import EncodedRows

ROWS = EncodedRows(
    np.arange(10, dtype=np.int32).reshape(5, 2), np.arange(5.0, dtype=np.float32)[:, None]
)


def test_every_row_comes_once_an_epoch_with_its_numbers():
    batches = of_rows(ROWS, batch_size=5, seed=0)
    batch = next(iter(batches.dataset(0)))
    order = batch["numbers"].numpy()[:, 0].astype(int)
    assert batches.steps_per_epoch == 1 and sorted(order) == [0, 1, 2, 3, 4]
    # row i holds the choices 2 i and 2 i + 1
    np.testing.assert_array_equal(batch["choices"], np.stack([2 * order, 2 * order + 1], 1))


def test_an_epoch_depends_on_the_seed_and_its_number_alone():
    def order(seed, epoch):
        batch = next(iter(of_rows(ROWS, batch_size=5, seed=seed).dataset(epoch)))
        return batch["numbers"].numpy()[:, 0].tolist()

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) > 1


def test_no_rows_are_refused():
    with pytest.raises(ValueError):
        of_rows(EncodedRows(ROWS.choices[:0], ROWS.numbers[:0]), batch_size=5, seed=0)
