"""Losses, as pure functions of tensors: no weights, no state, no Keras classes.

Every model and attack imports its objective from here, so two models that claim the same
loss cannot drift apart. They are returned per example; weights and the mean are left to the caller.
Those of a discriminator and a generator are in `gan.losses`.
"""

from __future__ import annotations

import math

import tensorflow as tf


def require_same_shape(name_a: str, a: tf.Tensor, name_b: str, b: tf.Tensor) -> None:
    if not a.shape.is_compatible_with(b.shape):
        raise ValueError(
            f"`{name_a}` and `{name_b}` should have the same shape. "
            f"Received: {a.shape} and {b.shape}."
        )


def weighted_mean(values: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Mean of `values` [batch] under `weights` [batch] >= 0; zero where all weights are zero."""
    if weights is None:
        return tf.reduce_mean(values)
    require_same_shape("values", values, "weights", weights)
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))


def bpr(positive_scores: tf.Tensor, negative_scores: tf.Tensor) -> tf.Tensor:
    """Bayesian personalized ranking, per pair.

    Rendle et al. 2009, eq. 4 (arXiv:1205.2618): -log sigmoid(positive - negative).

    Args:
        positive_scores: [batch] float32, scores of items the users chose.
        negative_scores: same shape, scores of items they did not.

    Returns:
        [batch], nats, >= 0; ln 2 where both scores are equal.

    Raises:
        ValueError: if the shapes differ.
    """
    require_same_shape("positive_scores", positive_scores, "negative_scores", negative_scores)
    return tf.nn.softplus(negative_scores - positive_scores)


def sampled_softmax(
    positive: tf.Tensor,
    candidates: tf.Tensor,
    log_ratio: tf.Tensor,
    closed: tf.Tensor,
    *,
    num_items: int,
    hardness: float = 0.0,
) -> tf.Tensor:
    """Softmax cross-entropy of positives against a catalogue estimated from m candidates.

    softplus(logsumexp_j(s_j - log(n q_j)) - log m + log(n - 1) - s), over the open
    candidates j: the sum over the n - 1 other items, estimated by importance sampling
    (Bengio & Senecal 2008; the log-Q correction of Yi et al. 2019). With `hardness` beta the
    terms are weighted by m * softmax_j(beta s_j), the adversary's best answer within a KL
    ball (in the manner of Zhang et al. 2023, AdvInfoNCE), constant to the gradient.

    A closed candidate still is one of the m places, with nothing in it: where known items are
    closed, what is estimated is the sum over the items that are not known.

    Args:
        positive: [batch] float32, the scores of the positives, over the temperature.
        candidates: [batch, m] float32, those of the candidates.
        log_ratio: [m] float32, log(n q_j), q_j the probability that a place of the set
            holds item j; 0 for uniform candidates.
        closed: [batch, m] bool, candidates to leave out (the example's own positive).
        num_items: n, the size of the catalogue, >= 2.
        hardness: beta >= 0.

    Returns:
        [batch] float32, nats, >= 0; log n where all scores are equal and all is open.

    Raises:
        ValueError: if `num_items` < 2.
    """
    if num_items < 2:
        raise ValueError(f"`num_items` should be >= 2. Received: {num_items!r}.")
    terms = candidates - log_ratio
    count = tf.cast(tf.shape(candidates)[1], tf.float32)
    if hardness:
        open_scores = tf.where(closed, -1e9, candidates)
        weights = tf.nn.log_softmax(hardness * open_scores, 1) + tf.math.log(count)
        terms += tf.stop_gradient(tf.where(closed, 0.0, weights))
    others = tf.reduce_logsumexp(tf.where(closed, -1e9, terms), 1)
    others += math.log(num_items - 1) - tf.math.log(count)
    return tf.nn.softplus(others - positive)


def relaxed_ranking(listed: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """How unlikely the order of a list is, where what is not listed only has to come after it.

    The mean over its places k of -log(exp(s_k) / (sum of exp(s_i) over i >= k and the others)): the
    likelihood of a permutation (Plackett-Luce) relaxed by Kang et al. 2020 (arXiv:2012.04357, eq.
    8), in which the others have no order among them.

    Args:
        listed: [batch, k] float32, scores of the listed items, first place first.
        others: [batch, m] float32, scores of items that are not listed.

    Returns:
        [batch] float32, nats a place, >= 0.
    """
    after = tf.math.cumulative_logsumexp(listed, axis=1, reverse=True)
    rest = tf.reduce_logsumexp(others, 1, keepdims=True)
    return tf.reduce_mean(tf.nn.softplus(rest - after) + after - listed, 1)


def softmax_over_catalogue(
    states: tf.Tensor,
    items: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    *,
    cells: int = 2**24,
) -> tf.Tensor:
    """Sum of weights * cross-entropy of each target against the whole catalogue.

    sum_n w_n (logsumexp_i(states_n . items_i) - states_n . items_target(n)), computed, with its
    gradient, for as many states at a time as `cells` logits allow: [states, items] is never held
    at once. The gradient is found on the way forward, so that no logit is computed twice; it is
    none by `weights`, and has no second derivative.

    Args:
        states: [n, dim] float32.
        items: [num_items, dim] float32.
        targets: [n] int32, 0 <= target < num_items.
        weights: [n] float32 >= 0.
        cells: logits held at a time, >= 1.

    Returns:
        Scalar, nats, >= 0; n log(num_items) where all scores are equal and all weights are 1.

    Raises:
        ValueError: if `cells` < 1.
    """
    if cells < 1:
        raise ValueError(f"`cells` should be >= 1. Received: {cells!r}.")

    def block(states, targets, weights):
        chosen = tf.gather(items, targets)
        logits = tf.matmul(states, items, transpose_b=True)
        largest = tf.reduce_max(logits, axis=1, keepdims=True)
        terms = tf.exp(logits - largest)
        sums = tf.reduce_sum(terms, axis=1, keepdims=True)
        values = (tf.math.log(sums) + largest)[:, 0] - tf.reduce_sum(states * chosen, 1)
        slope = terms * (weights[:, None] / sums)
        of_states = tf.matmul(slope, items) - weights[:, None] * chosen
        of_items = tf.tensor_scatter_nd_sub(
            tf.matmul(slope, states, transpose_a=True),
            targets[:, None],
            weights[:, None] * states,
        )
        return tf.reduce_sum(values * weights), of_states, of_items

    @tf.custom_gradient
    def total(states, items):
        count = tf.shape(states)[0]
        blocks, size = _blocks(cells, tf.shape(items)[0], count)
        # The last block is filled up with states of weight 0, so that all are of one size.
        missing = blocks * size - count
        parts = [
            tf.reshape(
                tf.pad(values, [[0, missing]] + [[0, 0]] * (values.shape.rank - 1)),
                [blocks, size, *values.shape[1:]],
            )
            for values in (states, targets, weights)
        ]

        def step(number, loss, of_states, of_items):
            value, slope, to_items = block(*(values[number] for values in parts))
            return number + 1, loss + value, of_states.write(number, slope), of_items + to_items

        slopes = tf.TensorArray(
            states.dtype, size=blocks, element_shape=[None, states.shape[1]], clear_after_read=False
        )
        start = (tf.constant(0), tf.constant(0.0), slopes, tf.zeros_like(items))
        _, loss, slopes, of_items = tf.while_loop(
            lambda number, *_: number < blocks, step, start, parallel_iterations=1
        )
        of_states = tf.reshape(slopes.stack(), [-1, states.shape[1]])[:count]
        of_states = tf.ensure_shape(of_states, states.shape)

        def gradient(upstream):
            return upstream * of_states, upstream * of_items

        return loss, gradient

    return total(states, items)


def _blocks(cells: int, num_items: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(blocks, size), scalars int32: how many blocks of `size` states `count` of them make where
    each is to have at most `cells` logits beside `num_items`, and at least one state; any number of
    cells, also one that no int32 holds."""
    most = tf.constant(cells, tf.int64) // tf.cast(num_items, tf.int64)
    most = tf.maximum(tf.cast(tf.minimum(most, tf.cast(count, tf.int64)), tf.int32), 1)
    blocks = tf.maximum(-(-count // most), 1)
    return blocks, -(-count // blocks)


def binary_cross_entropy(
    positive: tf.Tensor, negatives: tf.Tensor, closed: tf.Tensor, *, power: float | tf.Tensor = 1.0
) -> tf.Tensor:
    """-(power * log sigmoid(positive) + sum over open negatives of log(1 - sigmoid(negative)))
    over (open negatives + 1).

    With one negative and power 1 the loss of SASRec (Kang & McAuley 2018, arXiv:1808.09781, eq.
    8, halved); with many and the power of `calibration` gBCE (Petrov & Macdonald 2023,
    arXiv:2308.07192, eq. 12).

    Args:
        positive: [batch] float32, logits.
        negatives: [batch, m] float32, logits.
        closed: [batch, m] bool, negatives to leave out.
        power: of the positive's probability, in (0, 1].

    Returns:
        [batch] float32, nats, >= 0.
    """
    open_negatives = tf.cast(~closed, tf.float32)
    values = power * tf.nn.softplus(-positive)
    values += tf.reduce_sum(open_negatives * tf.nn.softplus(negatives), 1)
    return values / (tf.reduce_sum(open_negatives, 1) + 1.0)


def calibration(num_negatives: int, num_items: int, calibrated: float) -> float:
    """The power of gBCE (Petrov & Macdonald 2023, eq. 14): a (t (1 - 1/a) + 1/a), with the
    sampling rate a = negatives / (items - 1) and t = `calibrated`: 1 at t = 0, a at t = 1.

    Raises:
        ValueError: if a number is out of range.
    """
    if num_negatives < 1 or num_items < 2 or not 0 <= calibrated <= 1:
        raise ValueError(
            "`num_negatives` should be >= 1, `num_items` >= 2 and `calibrated` in [0, 1]. "
            f"Received: {num_negatives!r}, {num_items!r} and {calibrated!r}."
        )
    rate = min(1.0, num_negatives / (num_items - 1))
    return rate * (calibrated * (1.0 - 1.0 / rate) + 1.0 / rate)


def info_nce(first: tf.Tensor, second: tf.Tensor, temperature: float) -> tf.Tensor:
    """-log softmax_b(cos(first_a, second_b) / temperature) at b = a.

    van den Oord et al. 2018 (arXiv:1807.03748), between two views of the same nodes.

    Args:
        first, second: [nodes, dim] float32, the same shape; no node twice.
        temperature: > 0.

    Returns:
        [nodes], nats, >= 0; ln(nodes) where all vectors are alike.
    """
    cosine = tf.matmul(
        tf.math.l2_normalize(first, -1), tf.math.l2_normalize(second, -1), transpose_b=True
    )
    logits = cosine / temperature
    return tf.reduce_logsumexp(logits, axis=1) - tf.linalg.diag_part(logits)


def multinomial(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Negative log-likelihood of a user's items under one softmax over the catalogue.

    Liang et al. 2018, eq. 2 (arXiv:1802.05814), summed over the target items.

    Args:
        logits: [batch, num_items] float32; -1e9 takes an item out of the softmax.
        targets: same shape, 1 where the item is to be predicted, else 0.

    Returns:
        [batch], nats, >= 0; 0 for a user without a target.

    Raises:
        ValueError: if the shapes differ.
    """
    require_same_shape("logits", logits, "targets", targets)
    return -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=-1)
