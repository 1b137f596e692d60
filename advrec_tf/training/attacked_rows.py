"""Adversarial gradients for the steps of a compiled block: the rows a batch looks up are perturbed.

The term is that of `training.adversarial_term`, evaluated on the rows of a `SparseEmbeddingModel`
in place of layer outputs; the loop over the steps is the model's own. Vulnerability-aware radii,
which need the loss of each example, live here as well.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf.models.factorization.sparse_model import SparseEmbeddingModel, StepGradients
from advrec_tf.models.factorization.strata import first_batch
from advrec_tf.training.adversarial_term import (
    AdversarialTerm,
    Evaluation,
    mean_radius_and_norm,
)
from advrec_tf.training.batch_parts import first_weights

LOGGED = ("loss", "clean_loss", "adversarial_loss")
"""The scalars that an attacked step returns, fields of `AdversarialGradients`."""


def attacked_steps(
    model: SparseEmbeddingModel, term: AdversarialTerm, *, vulnerability: float = 0.0
) -> StepGradients:
    """What each step of a block follows: loss + weight * fraction * loss at the worst case.

    Args:
        model: its rows named in `attackable` are perturbed.
        term: the adversarial term.
        vulnerability: lambda >= 0 of `vulnerable_fraction`; 0 gives every row the same radius.

    Returns:
        For `model.train_block(block, optimizer, ..., logged=LOGGED)`.
    """

    def step_gradients(rows, inputs, step):
        names = [name for name in rows if name in model.attackable]
        weight = inputs["weight"]
        part = weight if term.fraction == 1 else first_weights(weight, term.fraction)

        def evaluate(deltas=None, *, attacked, parameters):
            moved = dict(rows)
            for name, delta in zip(names, deltas or [], strict=deltas is not None):
                moved[name] = rows[name] + delta
            loss, found = model.row_gradients(
                moved, inputs, part if attacked else weight, list(rows) if parameters else names
            )
            return Evaluation(
                loss=loss,
                gradients=[found[name] for name in rows] if parameters else [],
                values=[rows[name] for name in names],
                value_gradients=[found[name] for name in names],
                masks=[None] * len(names),
            )

        scales = None
        if vulnerability:
            # The losses of the clean pass, once more: XLA shares them.
            scales = _scales(model, rows, inputs, names, vulnerability)
        found = term.gradients(evaluate, inputs["seed"], step, scales=scales)
        gradients = dict(zip(rows, found.gradients, strict=True))
        return gradients, {name: getattr(found, name) for name in LOGGED}

    return step_gradients


def first_radius_and_norm(
    model: SparseEmbeddingModel,
    term: AdversarialTerm,
    block: dict[str, tf.Tensor],
    *,
    vulnerability: float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`mean_radius_and_norm` of the first step of a block: at every step it would cost time."""
    tables = {name: layer.embeddings for name, layer in model.embedding_tables().items()}
    inputs = model.draw(first_batch(block), tables)
    rows = {
        name: tf.gather(tables[table], index)
        for name, (table, index) in model.lookups(inputs).items()
        if vulnerability or name in model.attackable
    }
    names = [name for name in rows if name in model.attackable]
    scales = _scales(model, rows, inputs, names, vulnerability) if vulnerability else None
    return mean_radius_and_norm([rows[name] for name in names], term.perturbation, scales=scales)


def _scales(model, rows, inputs, names, vulnerability: float) -> list[tf.Tensor | float]:
    fraction = vulnerable_fraction(model.row_losses(rows, inputs), inputs["user_index"])
    fraction = tf.stop_gradient(vulnerability * fraction)
    shapes = [rows[name].shape for name in names]
    return [
        tf.reshape(fraction, [-1] + [1] * (shape.rank - 1))
        if shape[0] == fraction.shape[0]
        else 1.0  # rows that the whole batch shares
        for shape in shapes
    ]


def vulnerable_fraction(row_losses: tf.Tensor, user_index: tf.Tensor) -> tf.Tensor:
    """The fraction of the radius of each example: sigmoid(L / L_u - 1), L_u the summed loss of its
    user in the batch and L the mean of L_u over the batch's users.

    Zhang et al. 2024 (vulnerability-aware training, arXiv:2409.17476; the authors' code): users
    who are fitted well have most to lose to poison, so users of small loss are trained against
    larger perturbations.

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
