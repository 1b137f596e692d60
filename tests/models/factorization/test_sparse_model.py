import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import DNS, Generator, Mixed
from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel
from advrec_tf.models.objectives import BPR, SampledSoftmax
from advrec_tf.ops.sparse_updates import rule_of
from advrec_tf.training.optimizers import LazyAdam
from tests.worlds import interactions_of


def interactions(num_users=7, num_items=9):
    pairs = [(u, (2 * u + s) % 9) for u in range(num_users) for s in (0, 1, 3)]
    return interactions_of(pairs, num_users, num_items)


DATA = interactions()


def factorization(optimizer, **settings):
    model = MatrixFactorization(DATA, dim=3, seed=1, initial_scale=0.5, **settings)
    model.compile(optimizer=optimizer)
    return model


def block_of(steps, batch_size=8):
    made = batches.in_blocks(batches.of_pairs(DATA, batch_size=batch_size, seed=2), steps=steps)
    return next(iter(made.dataset(0)))


def single_batches(block):
    """The steps of a block, one after another."""
    for step in range(len(block["user_index"])):
        yield {name: column[step] for name, column in block.items()}


def state(model):
    """Tables, the slots that their rule reads, and the step counter."""
    tables = model.trainable_variables
    slots = [slot for table in tables for slot in rule_of(model.optimizer).slots(table)]
    return [v.numpy() for v in (*tables, *slots, model.optimizer.iterations)]


def assert_same_state(one, other, **tolerance):
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


MODELS = {
    "bpr": {"l2": 0.01},
    "softmax": {
        "objective": SampledSoftmax(
            Mixed(), candidates=4, temperature=0.5, cosine=True, hardness=0.5, mask_known=True
        )
    },
    "dns": {"objective": BPR(DNS(3))},
    "generator": {"objective": BPR(Generator(3, dim=2))},
}
OPTIMIZERS = {"sgd": lambda: keras.optimizers.SGD(0.3), "lazy_adam": lambda: LazyAdam(0.05)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_a_block_of_steps_is_the_ordinary_steps_one_after_another(settings, optimizer):
    stepwise = factorization(optimizer(), **settings)
    blockwise = factorization(optimizer(), **settings)
    block = block_of(steps=3)  # every batch has a user and an item more than once
    logs = [stepwise.train_step(batch) for batch in single_batches(block)]
    loss = blockwise.train_step(block)["loss"]
    assert blockwise.optimizer.iterations.numpy() == len(logs) == 3
    assert float(loss) == pytest.approx(float(logs[-1]["loss"]), rel=1e-5)
    assert_same_state(blockwise, stepwise, rtol=1e-4, atol=1e-5)
    moved = np.abs(blockwise.user_vectors() - factorization(optimizer(), **settings).user_vectors())
    assert moved.max() > 0.02  # so that a step more or less would be seen


def test_blocks_and_single_batches_can_take_turns():
    stepwise, mixed = factorization(LazyAdam(0.05)), factorization(LazyAdam(0.05))
    block = block_of(steps=3)
    for batch in single_batches(block):
        stepwise.train_step(batch)
    mixed.train_step({name: column[:2] for name, column in block.items()})
    mixed.train_step({name: column[2] for name, column in block.items()})
    assert mixed.optimizer.iterations.numpy() == 3
    assert_same_state(mixed, stepwise, rtol=1e-4, atol=1e-5)


def test_a_block_leaves_the_rows_it_does_not_read_and_their_slots_as_they_were():
    model = factorization(LazyAdam(0.05))
    model.train_step(block_of(steps=3))
    before = state(model)
    fields = {"user_index": [0, 0, 2], "item_index": [1, 1, 3], "weight": [1.0] * 3}
    block = {name: tf.constant([column]) for name, column in fields.items()}
    block["seed"] = tf.constant([[5, 6]])
    read = set(fields["item_index"]) | set(
        model.objective.sampler.one_each(block["item_index"][0], block["seed"][0]).numpy()
    )
    model.train_step(block)
    compared = 0
    for old, new in zip(before, state(model), strict=True):
        if new.shape not in {(7, 3), (9, 3)}:
            continue
        rows = {0, 2} if len(new) == 7 else read
        others = [row for row in range(len(new)) if row not in rows]
        np.testing.assert_array_equal(new[others], old[others])
        assert (new[sorted(rows)] != old[sorted(rows)]).any(1).all()
        compared += 1
    assert compared == 6  # two tables, each with its two moments


def test_the_rate_of_a_schedule_is_the_one_of_the_first_step_of_the_block():
    # weight 1, one example; rate 1 for step 0, .5 from step 1 on
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, 0.5])
    model = Linear(optimizer=keras.optimizers.SGD(schedule))
    model.train_step(rows_block([[0]]))
    np.testing.assert_allclose(model.table.embeddings[0], [1 - 3, 0 - 4], rtol=1e-6)
    model.train_step(rows_block([[0], [0]]))
    np.testing.assert_allclose(model.table.embeddings[0], [-2 - 3, -4 - 4], rtol=1e-6)


def test_a_compiled_fit_on_blocks_logs_the_mean_of_the_epoch_and_learns():
    model = factorization(LazyAdam(0.05), objective=BPR(DNS(4)))
    made = batches.in_blocks(batches.of_pairs(DATA, batch_size=7, seed=0), steps=2)
    history = model.fit(
        made.dataset(0), steps_per_epoch=made.steps_per_epoch, epochs=40, verbose=0
    ).history["loss"]
    assert made.steps_per_epoch == 2 and model.optimizer.iterations.numpy() == 40 * 2 * 2
    assert history[-1] < 0.3 < history[0]
    known = DATA.by_user().dense() == 1
    scores = model.score(tf.range(7)).numpy()
    assert all(scores[u][known[u]].min() > scores[u][~known[u]].max() for u in range(7))


def test_an_optimizer_that_sweeps_the_tables_is_refused_for_blocks_alone():
    model = factorization(keras.optimizers.Adam(0.1))
    block = block_of(steps=2)
    with pytest.raises(ValueError, match="Blocks of steps are trained by"):
        model.train_step(block)
    model.train_step(next(single_batches(block)))


# A model whose losses are worked by hand.

TABLE = [[1, 0], [0, 1], [2, 2], [0, 0]]  # c . e = 3, 4, 14, 0 with c = (3, 4)


class Linear(SparseEmbeddingModel):
    """The loss of an example is c . e(row), c = (3, 4)."""

    attackable = ("row",)

    def __init__(self, optimizer=None, table=TABLE):
        super().__init__()
        values = np.array(table, np.float32)
        self.table = keras.layers.Embedding(*values.shape)
        self.table.build(None)
        self.table.set_weights([values])
        self.asked = []
        self.compile(optimizer=optimizer or keras.optimizers.SGD(0.0))

    def embedding_tables(self):
        return {"table": self.table}

    def lookups(self, inputs):
        return {"row": ("table", inputs["user_index"])}

    def note(self, rows):
        if tf.executing_eagerly():
            self.asked.append(rows["row"].numpy())

    def row_losses(self, rows, inputs):
        self.note(rows)
        return tf.linalg.matvec(rows["row"], tf.constant([3.0, 4.0]))


def rows_block(rows, weight=None):
    rows = np.array(rows, np.int32)
    weight = np.ones(rows.shape) if weight is None else np.array(weight)
    return {
        "user_index": tf.constant(rows),
        "weight": tf.constant(weight, tf.float32),
        "seed": tf.constant([[s, 1] for s in range(len(rows))]),
    }


def test_a_subclass_has_to_say_what_it_reads():
    class Silent(SparseEmbeddingModel):
        pass

    model = Silent()
    for call in (
        model.embedding_tables,
        lambda: model.lookups({}),
        lambda: model.row_losses({}, {}),
    ):
        with pytest.raises(NotImplementedError, match="Silent does not define"):
            call()


def test_weights_that_a_block_would_not_train_are_refused():
    class Biased(MatrixFactorization):
        def __init__(self, *args, **settings):
            super().__init__(*args, **settings)
            self.bias = self.add_weight(name="bias", shape=[1])

    model = Biased(DATA, dim=3)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    with pytest.raises(ValueError, match="no weights but its embedding tables. Received: bias"):
        model.train_block(block_of(2), model.optimizer)
