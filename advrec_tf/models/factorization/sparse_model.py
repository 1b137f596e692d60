"""Models whose batch touches a few rows of their tables, trained in compiled blocks of steps.

A factorization step is so small that starting it costs more than doing it. So `fit` is
given *blocks*, [steps, batch] of indices (`data.batches.in_blocks`), and one compiled
function runs all their steps with the tables as loop state: gather the rows, differentiate
by the rows, scatter the update. Time and memory of a step follow the batch, not the
catalogue. `fit`, callbacks and TensorBoard see ordinary epochs. A batch that is not a block
takes the ordinary Keras step, with the same result.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.ops import sparse_updates
from advrec_tf.perturbations import Perturbation, worst_case

Rows = dict[str, tf.Tensor]
Tables = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class EmbeddingAdversary:
    """An adversary over the looked-up rows: loss + weight * share * loss at the worst case.

    Attributes:
        perturbation: its budget, per row.
        weight: factor of the adversarial loss.
        fraction: share of the batch, its first examples, whose loss is attacked.
        vulnerability: lambda of `vulnerable_fraction`; 0 gives every row the same radius.
    """

    perturbation: Perturbation
    weight: float
    fraction: float
    vulnerability: float = 0.0


class SparseEmbeddingModel(RecommenderModel):
    """A `RecommenderModel` that says which rows it reads and what they cost.

    Its batches hold `weight` [batch] (in a block [steps, batch]), `seed` [2] and what else it
    asks for. A subclass keeps its tables as Keras `Embedding` layers and implements

    * `embedding_tables() -> {table: Embedding}`;
    * `draw(inputs, tables) -> inputs` with what was drawn for the batch, such as negatives;
      a sampler that scores may look into `tables`, the present values;
    * `lookups(inputs) -> {row name: (table, indices)}`: what the batch then reads;
    * `row_losses(rows, inputs) -> [batch]`: the loss of each example; `rows` as named above.

    Every row whose name is in `attackable` can be perturbed by `AdversarialTraining`.
    """

    attackable: tuple[str, ...] = ()

    def embedding_tables(self) -> dict[str, keras.layers.Embedding]:
        raise NotImplementedError(f"{type(self).__name__} does not define `embedding_tables`.")

    def draw(self, inputs: Rows, tables: Tables) -> Rows:
        return inputs

    def lookups(self, inputs: Rows) -> dict[str, tuple[str, tf.Tensor]]:
        raise NotImplementedError(f"{type(self).__name__} does not define `lookups`.")

    def row_losses(self, rows: Rows, inputs: Rows) -> tf.Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not define `row_losses`.")

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Weighted mean over a batch; attackable rows come out of their layers, to be tapped."""
        layers = self.embedding_tables()
        tables = {name: layer.embeddings for name, layer in layers.items()}
        inputs = self.draw(inputs, tables)
        found = self.lookups(inputs)
        rows = {
            name: layers[table](index)
            if name in self.attackable
            else tf.gather(tables[table], index)
            for name, (table, index) in found.items()
        }
        return losses.weighted_mean(self.row_losses(rows, inputs), inputs["weight"])

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step for a batch, [batch] of indices; all its steps for a block, [steps, batch]."""
        if inputs["weight"].shape.rank == 1:
            return super().train_step(inputs)
        self._epoch_loss.update_state(self.train_block(inputs, self.optimizer)["loss"])
        return {metric.name: metric.result() for metric in self.metrics}

    def train_block(
        self,
        block: dict[str, tf.Tensor],
        optimizer: keras.optimizers.Optimizer,
        adversary: EmbeddingAdversary | None = None,
    ) -> dict[str, tf.Tensor]:
        """Run the steps of a block; the means over its steps of `loss`, and with an adversary
        of `clean_loss` and `adversarial_loss`.

        A learning-rate schedule advances from block to block, not inside one.

        Raises:
            ValueError: if the optimizer moves rows outside the batch (see `row_updates`), or
                the model has weights outside its tables.
        """
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
        variables = {name: layer.embeddings for name, layer in layers.items()}
        slots = {name: tuple(rule.slots(variable)) for name, variable in variables.items()}
        logs = self._compiled_steps(rule, adversary, variables, slots)(
            block,
            tf.cast(optimizer.learning_rate, tf.float32),
            tf.cast(optimizer.iterations, tf.float32),
        )
        optimizer.iterations.assign_add(
            tf.cast(tf.shape(block["weight"])[0], optimizer.iterations.dtype)
        )
        return logs

    def _compiled_steps(self, rule: sparse_updates.RowRule, adversary, variables, slots):
        # Variables are read and written inside: so XLA updates them where they lie. As
        # arguments and results whole tables would be copied at every block.
        @tf.function(jit_compile=True)
        def steps(block, rate, iterations):
            tables = {name: tf.convert_to_tensor(variable) for name, variable in variables.items()}
            moved = {name: tuple(map(tf.convert_to_tensor, own)) for name, own in slots.items()}
            count = tf.shape(block["weight"])[0]
            names = ["loss"] + (["clean_loss", "adversarial_loss"] if adversary else [])

            def body(i, tables, moved, sums):
                inputs = self.draw({name: column[i] for name, column in block.items()}, tables)
                found = self.lookups(inputs)
                rows = {n: tf.gather(tables[table], index) for n, (table, index) in found.items()}
                gradients, values = self._row_gradients(rows, inputs, adversary)
                tables, moved = dict(tables), dict(moved)
                for table in tables:
                    own = [name for name, (source, _) in found.items() if source == table]
                    if own:
                        tables[table], moved[table] = rule.update(
                            tables[table],
                            moved[table],
                            _flat([found[name][1] for name in own], 0),
                            _flat([gradients[name] for name in own], 1),
                            rate,
                            iterations + tf.cast(i, tf.float32) + 1.0,
                        )
                return i + 1, tables, moved, {n: sums[n] + values[n] for n in sums}

            zeros = {name: tf.constant(0.0) for name in names}
            _, tables, moved, sums = tf.while_loop(
                lambda i, *_: i < count, body, (0, tables, moved, zeros)
            )
            for name, variable in variables.items():
                variable.assign(tables[name])
                for slot, value in zip(slots[name], moved[name], strict=True):
                    slot.assign(value)
            return {n: s / tf.cast(count, tf.float32) for n, s in sums.items()}

        return steps

    def _row_gradients(self, rows: Rows, inputs: Rows, adversary: EmbeddingAdversary | None):
        """(gradient of each row, the loss terms) of one step."""

        def loss_at(rows, weight):
            return losses.weighted_mean(self.row_losses(rows, inputs), weight)

        def gradients_of(rows, weight, names):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([rows[name] for name in names])
                loss = loss_at(rows, weight)
            sources = {name: rows[name] for name in names}
            return loss, tape.gradient(loss, sources, unconnected_gradients="zero")

        clean, gradients = gradients_of(rows, inputs["weight"], list(rows))
        if adversary is None:
            return gradients, {"loss": clean}
        weight = inputs["weight"]
        if adversary.fraction < 1:
            examples = tf.shape(weight)[0]
            chosen = tf.math.ceil(adversary.fraction * tf.cast(examples, tf.float32))
            weight *= tf.cast(tf.range(examples) < tf.cast(chosen, tf.int32), tf.float32)
        names = [name for name in rows if name in self.attackable]
        scales = None
        if adversary.vulnerability:
            # The losses of the clean pass, once more: XLA shares them.
            fraction = vulnerable_fraction(self.row_losses(rows, inputs), inputs["user_index"])
            fraction = tf.stop_gradient(adversary.vulnerability * fraction)
            shapes = {name: rows[name].shape for name in names}
            scales = [
                tf.reshape(fraction, [-1] + [1] * (shapes[name].rank - 1))
                if shapes[name][0] == fraction.shape[0]
                else 1.0  # rows that the whole batch shares
                for name in names
            ]

        def shifted(deltas):
            return {**rows, **{n: rows[n] + d for n, d in zip(names, deltas, strict=True)}}

        def gradients_at(deltas):
            found = gradients_of(shifted(deltas), weight, names)[1]
            return [found[name] for name in names]

        deltas = worst_case(
            gradients_at,
            [rows[name] for name in names],
            adversary.perturbation,
            inputs["seed"],
            # The same examples under the same weights: the clean gradient points the way.
            at_zero=[gradients[name] for name in names] if adversary.fraction == 1 else None,
            scales=scales,
        )
        worst, at_worst = gradients_of(shifted(deltas), weight, list(rows))
        factor = adversary.weight * adversary.fraction
        gradients = {name: gradients[name] + factor * at_worst[name] for name in rows}
        values = {
            "loss": clean + factor * worst,
            "clean_loss": clean,
            "adversarial_loss": worst,
        }
        return gradients, values


def vulnerable_fraction(row_losses: tf.Tensor, user_index: tf.Tensor) -> tf.Tensor:
    """How much of the radius each example gets: sigmoid(L / L_u - 1), L_u the summed loss of its
    user in the batch and L the mean of L_u over the batch's users.

    Zhang et al. 2024 (VAT, arXiv:2409.17476; the authors' code): who is fitted well has most to
    lose to poison, so users of small loss are trained against larger perturbations.

    Args:
        row_losses: [batch] float32, >= 0.
        user_index: [batch] int32.

    Returns:
        [batch] float32 in (.26, 1]; 1 / 2 for a user of average loss.
    """
    same = tf.cast(user_index[:, None] == user_index[None, :], tf.float32)
    of_user = tf.linalg.matvec(same, row_losses)
    # Each user counts once in the mean, however many examples it has.
    once = 1.0 / tf.reduce_sum(same, 1)
    mean = tf.reduce_sum(of_user * once) / tf.reduce_sum(once)
    return tf.sigmoid(mean / (of_user + 1e-9) - 1.0)


def _flat(parts: list[tf.Tensor], keep: int) -> tf.Tensor:
    """Concatenate along the first axis; all axes but the last `keep` are made one."""
    shaped = [tf.reshape(p, [-1, *p.shape[p.shape.rank - keep :]]) for p in parts]
    return shaped[0] if len(shaped) == 1 else tf.concat(shaped, 0)
