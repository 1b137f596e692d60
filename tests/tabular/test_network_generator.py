import numpy as np

from advrec_tf.tabular.batches import of_rows
from advrec_tf.tabular.gan import build_table_gan


def test_rows_are_written_by_the_running_average_of_the_weights(frame, transform, compiled):
    model = compiled(build_table_gan(transform, averaging=0.75))
    before = model.averaged.get_weights()[0]
    batch = next(iter(of_rows(transform.encode(frame), batch_size=40, seed=0).dataset(0)))
    model.train_step(batch)
    expected = 0.75 * before + 0.25 * model.generator.get_weights()[0]
    np.testing.assert_allclose(model.averaged.get_weights()[0], expected, rtol=1e-5)
