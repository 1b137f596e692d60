"""Models whose batch reads a few entries of their tables, trained in compiled blocks of steps.

A factorization step is so small that starting it costs more than computing it. So `fit` is
given *blocks*, [steps, batch] of indices (`data.batches.in_blocks`), and one compiled
function runs all their steps with the tables as loop state: gather the entries, differentiate
by them, scatter the update. Time and memory of a step follow the batch, not the catalogue.
`fit`, callbacks and TensorBoard see ordinary epochs. A batch that is not a block takes the
ordinary Keras step, with the same result. Adversarial steps are left to `training.attacked_rows`,
which gives `train_block` other gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.models.factorization.strata import StrataTrainer, Variables, train_at_once
from advrec_tf.models.own_batches import require_single
from advrec_tf.models.replicas import mean_over_replicas
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.ops import sparse_updates
from advrec_tf.ops.compiled import gathered_once
from advrec_tf.ops.servers import is_asynchronous, rows_at

Rows = dict[str, tf.Tensor]
Tables = dict[str, tf.Tensor]
StepGradients = Callable[[Rows, Rows, tf.Tensor], tuple[Rows, dict[str, tf.Tensor]]]
"""(rows, inputs, steps done) -> the gradient of each row, and scalars to log."""


class SparseEmbeddingModel(RecommenderModel):
    """A `RecommenderModel` that states which table entries a batch reads, and their loss.

    What is gathered for a batch is called its rows, [batch, ..., features] each.

    Its batches hold `weight` [batch] (in a block [steps, batch]), `seed` [2] and what else it
    asks for. A subclass keeps its tables as Keras `Embedding` layers and implements

    * `embedding_tables() -> {table: Embedding}`;
    * `draw(inputs, tables) -> inputs` with what was drawn for the batch, such as negatives;
      a sampler that scores may look into `tables`, the present values;
    * `lookups(inputs) -> {row name: (table, indices)}`: what the batch then reads;
    * `row_losses(rows, inputs) -> [batch]`: the loss of each example; `rows` as named above.

    The rows whose names are in `attackable` are those that `AdversarialTraining` perturbs.
    """

    loss_is_share = True
    attackable: tuple[str, ...] = ()
    stratified = False
    """Whether it trains on `data.strata`: its tables are "users" and "items", and a batch reads
    no more than its own."""
    shared_rows: tuple[str, ...] = ()
    """Rows that all examples share, so that all replicas of a strategy have the same."""

    def embedding_tables(self) -> dict[str, keras.layers.Embedding]:
        raise NotImplementedError(f"{type(self).__name__} does not define `embedding_tables`.")

    def draw(self, inputs: Rows, tables: Tables) -> Rows:
        return inputs

    def lookups(self, inputs: Rows) -> dict[str, tuple[str, tf.Tensor]]:
        raise NotImplementedError(f"{type(self).__name__} does not define `lookups`.")

    def row_losses(self, rows: Rows, inputs: Rows) -> tf.Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not define `row_losses`.")

    @property
    def takes_blocks(self) -> bool:
        strategy = self.distribute_strategy
        return strategy.num_replicas_in_sync == 1 and not is_asynchronous(strategy)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Weighted mean over a batch; attackable rows come out of their `Embedding` layers, where
        they can be perturbed.

        Raises:
            ValueError: if the batch is a block of steps.
        """
        require_single(inputs)
        layers = self.embedding_tables()
        tables = {name: layer.embeddings for name, layer in layers.items()}
        inputs = self.draw(inputs, tables)
        found = self.lookups(inputs)
        rows = {}
        for name, (table, index) in found.items():
            if name in self.attackable:
                layers[table].same_on_replicas = name in self.shared_rows
                rows[name] = layers[table](index)
            else:
                rows[name] = rows_at(tables[table], index)
        return mean_over_replicas(self.row_losses(rows, inputs), inputs["weight"])

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step for a batch, [batch] of indices; all its steps for a block, [steps, batch]."""
        if "weight" not in inputs or inputs["weight"].shape.rank == 1:
            return super().train_step(inputs)
        self._epoch_loss.update_state(self.train_block(inputs, self.optimizer)["loss"])
        self.built = True  # as in `RecommenderModel`
        return {metric.name: metric.result() for metric in self.metrics}

    def row_gradients(
        self, rows: Rows, inputs: Rows, weight: tf.Tensor, names: Sequence[str]
    ) -> tuple[tf.Tensor, Rows]:
        """The mean loss of a batch under `weight` [batch], and its gradient by the rows named."""
        sources = {name: rows[name] for name in names}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            loss = losses.weighted_mean(self.row_losses(rows, inputs), weight)
        return loss, tape.gradient(loss, sources, unconnected_gradients="zero")

    def train_block(
        self,
        block: dict[str, tf.Tensor],
        optimizer: keras.optimizers.Optimizer,
        step_gradients: StepGradients | None = None,
        logged: Sequence[str] = ("loss",),
    ) -> dict[str, tf.Tensor]:
        """Run the steps of a block; the means over its steps of what is logged.

        A learning-rate schedule advances from block to block, not inside one.

        Args:
            block: a batch with a leading axis of steps.
            optimizer: moves the rows of a batch alone, see `ops.sparse_updates`.
            step_gradients: what a step follows; by default the gradient of `row_losses`.
            logged: names of the scalars that `step_gradients` returns.

        Raises:
            ValueError: under a strategy of several replicas or workers; if the optimizer moves rows
                outside the batch, or the model has weights outside its tables.
        """
        strategy = tf.distribute.get_strategy()
        if strategy.num_replicas_in_sync > 1 or is_asynchronous(strategy):
            raise ValueError(
                "Blocks of steps should be trained on one device: the replicas or workers of "
                f"{type(strategy).__name__} would each move tables of their own. Under a strategy "
                "give single batches, `batches.of_pairs` without `in_blocks`."
            )
        rule = sparse_updates.rule_of(optimizer)
        tables = {id(layer.embeddings) for layer in self.embedding_tables().values()}
        others = [v.name for v in self.trainable_variables if id(v) not in tables]
        if others:
            raise ValueError(
                "A model trained in blocks should have no weights but its embedding tables. "
                f"Received: {', '.join(others)}."
            )
        with tf.init_scope():
            optimizer.build(self.trainable_variables)
        optimizer._compute_current_learning_rate()  # where it is a schedule; Keras' own way
        layers = self.embedding_tables()
        whole = {
            name: [layer.embeddings, *rule.slots(layer.embeddings)]
            for name, layer in layers.items()
        }
        if step_gradients is None:

            def step_gradients(rows, inputs, _):
                loss, gradients = self.row_gradients(rows, inputs, inputs["weight"], list(rows))
                return gradients, {"loss": loss}

        def compiled(variables):
            return self._compiled_steps(rule, step_gradients, logged, variables)

        rate = tf.cast(optimizer.learning_rate, tf.float32)
        iterations = tf.cast(optimizer.iterations, tf.float32)
        count = tf.shape(block["weight"])[0]
        if "bounds" in block:
            if not self.stratified:
                raise ValueError(
                    "Strata should be trained by a MatrixFactorization with BPR and uniform "
                    f"negatives. Received: a {type(self).__name__}; give it blocks."
                )
            logs = train_at_once(StrataTrainer(whole, compiled), block, rate, iterations, logged)
        else:
            logs = compiled(whole)(block, rate, iterations, count)
        optimizer.iterations.assign_add(tf.cast(count, optimizer.iterations.dtype))
        return logs

    def _compiled_steps(self, rule, step_gradients: StepGradients, logged, variables: Variables):
        # Variables are read and written inside: so XLA updates them where they lie. As
        # arguments and results whole tables would be copied at every block.
        @tf.function(jit_compile=True)
        def steps(block, rate, iterations, count):
            values = {name: list(map(tf.convert_to_tensor, v)) for name, v in variables.items()}
            tables = {name: value[0] for name, value in values.items()}
            moved = {name: tuple(value[1:]) for name, value in values.items()}
            zero = 0.0 * iterations  # for `gathered_once`

            def body(i, tables, moved, sums):
                inputs = {name: column[i] for name, column in block.items()}
                inputs = self.draw(inputs, tables)
                found = self.lookups(inputs)

                def gather():
                    return {n: tf.gather(tables[t], index) for n, (t, index) in found.items()}

                # Other rules read the rows again, and are faster where XLA fuses the lookups.
                rows = gathered_once(gather, zero) if rule.additive else gather()
                done = iterations + tf.cast(i, tf.float32)
                gradients, values = step_gradients(rows, inputs, done)
                tables, moved = dict(tables), dict(moved)
                for table in tables:
                    own = [name for name, (source, _) in found.items() if source == table]
                    # Part by part, where it may be, spares a slow copy of all gradients.
                    parts = [[name] for name in own] if rule.additive else [own] * bool(own)
                    for names in parts:
                        tables[table], moved[table] = rule.update(
                            tables[table],
                            moved[table],
                            _flat([found[name][1] for name in names], 0),
                            _flat([gradients[name] for name in names], 1),
                            rate,
                            done + 1.0,
                        )
                return i + 1, tables, moved, {n: sums[n] + values[n] for n in sums}

            zeros = {name: tf.constant(0.0) for name in logged}
            _, tables, moved, sums = tf.while_loop(
                lambda i, *_: i < count, body, (0, tables, moved, zeros)
            )
            for name, own in variables.items():
                for variable, value in zip(own, (tables[name], *moved[name]), strict=True):
                    variable.assign(value)
            return {n: s / tf.cast(count, tf.float32) for n, s in sums.items()}

        return steps


def _flat(parts: list[tf.Tensor], keep: int) -> tf.Tensor:
    """Concatenate along the first axis; all axes but the last `keep` are made one."""
    shaped = [tf.reshape(p, [-1, *p.shape[p.shape.rank - keep :]]) for p in parts]
    return shaped[0] if len(shaped) == 1 else tf.concat(shaped, 0)
