"""The published next-item models, each an encoder with its way of training.

Every one takes any objective of `sequential.objectives`: what a paper trained its network by is
one choice among them, and seldom the best (Petrov & Macdonald 2023, arXiv:2308.07192). The other
settings that all share are those of `SequenceModel`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.sequential import encoders
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.sequential.objectives import FullSoftmax, SequenceObjective


def sasrec(
    interactions: Interactions,
    *,
    size: EncoderSize = EncoderSize(),
    objective: SequenceObjective = FullSoftmax(),
    use_times: bool = False,
    item_vectors: np.ndarray | None = None,
    seed: int = 0,
) -> SequenceModel:
    """Causal self-attention (Kang & McAuley 2018, arXiv:1808.09781), each place trained on the
    item after it. With `BinaryCrossEntropy(negatives=256, calibrated=0.75)` it is gSASRec.

    Args:
        use_times: read the time between two items as well.

    Raises:
        ValueError: if times are to be read and there are none.
    """
    unit = time_unit(interactions) if use_times else None
    encoder = encoders.attention_encoder(size, unit=unit, seed=seed)
    return _joined(encoder, interactions, size, objective, item_vectors, seed, name="sasrec")


def bert4rec(
    interactions: Interactions,
    *,
    size: EncoderSize = EncoderSize(),
    objective: SequenceObjective = FullSoftmax(),
    masked_fraction: float = 0.3,
    item_vectors: np.ndarray | None = None,
    seed: int = 0,
) -> SequenceModel:
    """Self-attention in both directions that finds hidden items (Sun et al. 2019,
    arXiv:1904.06690)."""
    encoder = encoders.attention_encoder(size, causal=False, seed=seed)
    how = {"training": "masked", "masked_fraction": masked_fraction}
    return _joined(
        encoder, interactions, size, objective, item_vectors, seed, name="bert4rec", **how
    )


def gru4rec(
    interactions: Interactions,
    *,
    size: EncoderSize = EncoderSize(blocks=1),
    objective: SequenceObjective = FullSoftmax(),
    item_vectors: np.ndarray | None = None,
    seed: int = 0,
) -> SequenceModel:
    """Gated recurrent units (Hidasi et al. 2016, arXiv:1511.06939)."""
    encoder = encoders.recurrent_encoder(size, seed=seed)
    return _joined(encoder, interactions, size, objective, item_vectors, seed, name="gru4rec")


def bsarec(
    interactions: Interactions,
    *,
    size: EncoderSize = EncoderSize(),
    objective: SequenceObjective = FullSoftmax(),
    lowest: int = 3,
    mix: float = 0.7,
    item_vectors: np.ndarray | None = None,
    seed: int = 0,
) -> SequenceModel:
    """Attention beside a frequency filter (Shin et al. 2024, arXiv:2312.10325)."""
    encoder = encoders.frequency_encoder(size, lowest=lowest, mix=mix, seed=seed)
    return _joined(
        encoder, interactions, size, objective, item_vectors, seed, training="last", name="bsarec"
    )


def fmlp(
    interactions: Interactions,
    *,
    size: EncoderSize = EncoderSize(),
    objective: SequenceObjective = FullSoftmax(),
    item_vectors: np.ndarray | None = None,
    seed: int = 0,
) -> SequenceModel:
    """Filters in the place of attention (Zhou et al. 2022, arXiv:2202.13556)."""
    encoder = encoders.filter_encoder(size, seed=seed)
    return _joined(
        encoder, interactions, size, objective, item_vectors, seed, training="last", name="fmlp"
    )


def hstu(
    interactions: Interactions,
    *,
    size: EncoderSize = EncoderSize(),
    objective: SequenceObjective = FullSoftmax(),
    use_times: bool = False,
    item_vectors: np.ndarray | None = None,
    seed: int = 0,
) -> SequenceModel:
    """Gated attention without softmax (Zhai et al. 2024, arXiv:2402.17152).

    Args:
        use_times: attention follows the time between two items as well.

    Raises:
        ValueError: if times are to be read and there are none.
    """
    unit = time_unit(interactions) if use_times else None
    encoder = encoders.gated_encoder(size, unit=unit, seed=seed)
    return _joined(encoder, interactions, size, objective, item_vectors, seed, name="hstu")


def time_unit(interactions: Interactions) -> float:
    """The shortest time, in the data's unit, between two of a user's interactions, beside ties.

    Raises:
        ValueError: if there are no times.
    """
    if interactions.timestamp is None:
        raise ValueError(
            "`use_times` should be off where interactions have no times. Received: it is on."
        )
    order = np.lexsort([interactions.timestamp, interactions.user_index])
    gaps = np.diff(interactions.timestamp[order])
    gaps = gaps[(np.diff(interactions.user_index[order]) == 0) & (gaps > 0)]
    return float(gaps.min()) if len(gaps) else 1.0


def _joined(encoder, interactions, size, objective, item_vectors, seed, **settings):
    return SequenceModel(
        encoder,
        interactions,
        length=size.length,
        objective=objective,
        item_vectors=item_vectors,
        seed=seed,
        **settings,
    )
