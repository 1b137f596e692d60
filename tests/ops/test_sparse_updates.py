import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.ops import sparse_updates
from advrec_tf.training.optimizers import LazyAdam

TABLE = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
# Row 4 twice in one batch, row 1 three times; rows 0 and 5 never.
BATCHES = [[4, 1, 4], [1, 1, 2], [3, 1, 1, 1], [4, 2]]


def occurrences(rows, step):
    """A gradient for each occurrence of a row: [n, 2]."""
    return tf.random.stateless_normal([len(rows), 2], [step, len(rows)])


def by_rule(optimizer, batches):
    """Table and slots after the optimizer's row rule has taken these batches."""
    variable = tf.Variable(TABLE)
    optimizer.build([variable])
    rule = sparse_updates.rule_of(optimizer)
    table = tf.convert_to_tensor(variable)
    slots = tuple(tf.convert_to_tensor(slot) for slot in rule.slots(variable))
    for step, rows in enumerate(batches):
        rate = tf.constant(0.1)
        gradient = occurrences(rows, step)
        table, slots = rule.update(
            table, slots, tf.constant(rows), gradient, rate, tf.constant(step + 1.0)
        )
    return table.numpy(), [slot.numpy() for slot in slots]


def by_keras(optimizer, batches):
    """The table after the dense optimizer has taken the summed gradients of these batches."""
    variable = tf.Variable(TABLE)
    for step, rows in enumerate(batches):
        dense = np.zeros_like(TABLE)
        np.add.at(dense, rows, occurrences(rows, step).numpy())
        optimizer.apply_gradients([(tf.constant(dense), variable)])
    return variable.numpy()


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (keras.optimizers.SGD, {}),
        (keras.optimizers.Adagrad, {"initial_accumulator_value": 0.1}),
        (keras.optimizers.Adagrad, {"initial_accumulator_value": 1e-3, "epsilon": 0.5}),
    ],
)
def test_a_rule_takes_the_steps_of_the_dense_optimizer(optimizer, settings):
    # where a gradient of zero moves nothing, so that the whole table can be compared
    found, _ = by_rule(optimizer(0.1, **settings), BATCHES)
    expected = by_keras(optimizer(0.1, **settings), BATCHES)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert (found[[1, 2, 3, 4]] != TABLE[[1, 2, 3, 4]]).all()


def test_the_lazy_adam_rule_is_adam_where_every_row_is_in_every_batch():
    batches = [[0, 1, 2, 3, 4, 5, 4, 1], [5, 5, 5, 0, 1, 2, 3, 4], [3, 2, 1, 0, 4, 5]] * 2
    settings = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.01}
    found, _ = by_rule(LazyAdam(0.1, **settings), batches)
    expected = by_keras(keras.optimizers.Adam(0.1, **settings), batches)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_lazy_adam_rule_is_lazy_adam_where_rows_rest():
    variable, optimizer = tf.Variable(TABLE), LazyAdam(0.1)
    for step, rows in enumerate(BATCHES):
        gradient = tf.IndexedSlices(occurrences(rows, step), tf.constant(rows), [6, 2])
        optimizer.apply_gradients([(gradient, variable)])
    found, slots = by_rule(LazyAdam(0.1), BATCHES)
    np.testing.assert_allclose(found, variable, rtol=1e-5, atol=1e-6)
    for slot, expected in zip(slots, LazyAdam.row_rule(optimizer).slots(variable), strict=True):
        np.testing.assert_allclose(slot, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adagrad, LazyAdam])
def test_rows_outside_the_batch_keep_their_bits_and_their_slots(optimizer):
    before, slots_before = by_rule(optimizer(0.1), BATCHES[:1])
    after, slots_after = by_rule(optimizer(0.1), [BATCHES[0], [2, 2, 3]])
    others = [0, 1, 4, 5]
    np.testing.assert_array_equal(after[others], before[others])
    for slot, same in zip(slots_after, slots_before, strict=True):
        np.testing.assert_array_equal(slot[others], same[others])
        assert (slot[[2, 3]] != same[[2, 3]]).all()
    assert (after[[2, 3]] != before[[2, 3]]).all()


def test_each_occurrence_of_a_row_gets_the_sum_over_all_of_them():
    # row 4: 1 + 30 = 31 and 2 + 40 = 42; row 0 has one occurrence, row 5 three of 100
    rows = tf.constant([4, 0, 4, 5, 5, 5])
    values = tf.constant([[1.0, 2], [7, 8], [30, 40], [100, 0], [100, 0], [100, 0]])
    sums = sparse_updates.sum_repeats(rows, values, 6)
    np.testing.assert_array_equal(sums, [[31, 42], [7, 8], [31, 42], [300, 0], [300, 0], [300, 0]])


def test_repeats_are_summed_inside_a_compiled_function_too():
    rows, values = tf.constant([2, 1, 2]), tf.constant([[1.0], [5.0], [3.0]])
    compiled = tf.function(lambda r, v: sparse_updates.sum_repeats(r, v, 3), jit_compile=True)
    np.testing.assert_array_equal(compiled(rows, values), [[4], [5], [4]])


def test_the_slots_are_the_optimizers_own_variables_each_tables_its_own():
    one, other = tf.Variable(TABLE), tf.Variable(TABLE)
    lazy, adagrad = LazyAdam(0.1), keras.optimizers.Adagrad(0.1)
    for optimizer, number in ((lazy, 2), (adagrad, 1), (keras.optimizers.SGD(0.1), 0)):
        optimizer.build([one, other])
        rule = sparse_updates.rule_of(optimizer)
        slots = [*rule.slots(one), *rule.slots(other)]
        assert len(rule.slots(one)) == number
        assert len({id(slot) for slot in slots}) == 2 * number
        kept = {id(variable) for variable in optimizer.variables}
        assert all(id(slot) in kept for slot in slots)


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        (lambda: keras.optimizers.SGD(0.1, momentum=0.9), "momentum"),
        (lambda: keras.optimizers.SGD(0.1, clipnorm=1.0), "clipnorm"),
        (lambda: keras.optimizers.SGD(0.1, clipvalue=1.0), "clipvalue"),
        (lambda: keras.optimizers.Adagrad(0.1, global_clipnorm=1.0), "global_clipnorm"),
        (lambda: keras.optimizers.Adagrad(0.1, weight_decay=0.1), "weight_decay"),
        (lambda: keras.optimizers.SGD(0.1, use_ema=True), "use_ema"),
        (lambda: LazyAdam(0.1, weight_decay=0.1), "weight_decay"),
    ],
)
def test_settings_that_touch_rows_outside_the_batch_are_refused_by_name(optimizer, name):
    with pytest.raises(ValueError, match=f"the rows of the batch alone.* with {name}"):
        sparse_updates.rule_of(optimizer())


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam, keras.optimizers.RMSprop])
def test_an_optimizer_without_a_rule_is_refused(optimizer):
    with pytest.raises(ValueError, match=f"LazyAdam. Received: {optimizer.__name__}"):
        sparse_updates.rule_of(optimizer(0.1))
