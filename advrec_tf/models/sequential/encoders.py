"""Encoders of histories, as functional models: vectors of items in order in, a state a place out.

    {"vectors": [batch, places, dim] float32, "known": [batch, places] bool, "seed": [2] int32
    [, "gap": [batch, places] float32][, "user": [batch, dim] float32]} -> states [batch, places,
    dim]

`known` is False at padding, which stands at the left; `seed` is that of the dropout. Which items
these are, and what a state is compared with, is left to `sequential.model`.
"""

from __future__ import annotations

import dataclasses
import math

from advrec_tf._keras import keras
from advrec_tf.models.sequential import blocks
from advrec_tf.models.sequential.user_rows import AddUser
from advrec_tf.models.towers import seeded_dense

_EPSILON = 1e-8

RECURRENT = "recurrent_encoder"
"""The name of encoders that read one item after the other, see `sequential.recurrence`."""


def start_scale(dim: int) -> float:
    """What vectors are multiplied by before the first block."""
    return math.sqrt(dim)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderSize:
    """What all encoders have.

    Attributes:
        length: the most places, >= 1.
        dim: of the vectors and states, >= 1.
        blocks: one after the other, >= 1.
        heads: of attention, of which `dim` is a multiple.
        dropout: in [0, 1).
        user_embedding: whether the vector of a user is added to the states, see
            `sequential.user_rows`.

    Raises:
        ValueError: if a number is out of range.
    """

    length: int = 50
    dim: int = 64
    blocks: int = 2
    heads: int = 2
    dropout: float = 0.5
    user_embedding: bool = False

    def __post_init__(self):
        counts = ("length", "dim", "blocks", "heads")
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` should be >= 1. Received: {getattr(self, name)!r}.")
        if self.dim % self.heads:
            raise ValueError(
                f"`heads` should divide `dim`. Received: {self.heads!r} and {self.dim!r}."
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"`dropout` should lie in [0, 1). Received: {self.dropout!r}.")


class _Parts:
    """The inputs, the seeds of weights and draws, and the parts that encoders share."""

    def __init__(self, size: EncoderSize, seed: int, *, fixed: bool = False, gaps: bool = False):
        self.size = size
        places = size.length if fixed else None
        self.inputs = {
            "vectors": keras.Input((places, size.dim), name="vectors"),
            "known": keras.Input((places,), dtype="bool", name="known"),
            "seed": keras.Input(batch_shape=(2,), dtype="int32", name="seed"),
        }
        if gaps:
            self.inputs["gap"] = keras.Input((places,), name="gap")
        self.seeds = iter(range(10_000 * seed, 10_000 * seed + 10_000, 10))
        self.streams = iter(range(1_000))

    def dropout(self, x, name):
        layer = blocks.SeededDropout(self.size.dropout, stream=next(self.streams), name=name)
        return layer(x, self.inputs["seed"])

    def norm(self, x, name):
        return keras.layers.LayerNormalization(epsilon=_EPSILON, name=name)(x)

    def attention(self, x, name, *, causal):
        layer = blocks.SelfAttention(
            self.size.heads,
            causal=causal,
            rate=self.size.dropout,
            stream=next(self.streams),
            seed=next(self.seeds),
            name=name,
        )
        return layer(x, self.inputs["known"], self.inputs["seed"])

    def hidden(self, x, name, *, activation="gelu"):
        """Two dense layers, the first four times as wide."""
        inner = seeded_dense(
            4 * self.size.dim, next(self.seeds), activation=activation, name=f"{name}_inner"
        )(x)
        return seeded_dense(self.size.dim, next(self.seeds), name=f"{name}_outer")(inner)

    def start(self, *, scaled=True, positions=True, unit: float | None = None):
        """The vectors with their places, and with the times between where there are any.

        Vectors start small, as what states are compared with; `scaled` by sqrt(dim) they are not
        lost beside what the first block adds to them (Vaswani et al. 2017, section 3.4). An
        encoder that normalizes them first has no need of it.
        """
        x = self.inputs["vectors"]
        if scaled:
            x = x * start_scale(self.size.dim)
        if positions:
            layer = blocks.PlacesFromEnd(self.size.length, seed=next(self.seeds), name="positions")
            x = layer(x)
        if unit is not None:
            gaps = blocks.GapEmbedding(self.size.dim, unit, seed=next(self.seeds), name="gaps")
            x = x + gaps(self.inputs["gap"])
        return x

    def model(self, x, name):
        if self.size.user_embedding:
            self.inputs["user"] = keras.Input((self.size.dim,), name="user")
            x = AddUser(name="with_user")(x, self.inputs["user"])
        return keras.Model(self.inputs, x, name=name)


def attention_encoder(
    size: EncoderSize, *, causal: bool = True, unit: float | None = None, seed: int = 0
) -> keras.Model:
    """Self-attention, each part on its normalized input and added to it.

    SASRec (Kang & McAuley 2018, arXiv:1808.09781) with the order of Xiong et al. 2020; not
    `causal` it is BERT4Rec's (Sun et al. 2019, arXiv:1904.06690). With `unit` the time between
    two items is read as well, see `blocks.GapEmbedding`.
    """
    parts = _Parts(size, seed, gaps=unit is not None)
    x = parts.dropout(parts.start(unit=unit), "dropout")
    for i in range(size.blocks):
        read = parts.norm(x, f"block_{i}_before_attention")
        read = parts.attention(read, f"block_{i}_attention", causal=causal)
        x = x + parts.dropout(read, f"block_{i}_attention_dropout")
        made = parts.hidden(parts.norm(x, f"block_{i}_before_hidden"), f"block_{i}_hidden")
        x = x + parts.dropout(made, f"block_{i}_hidden_dropout")
    return parts.model(parts.norm(x, "states"), "attention_encoder")


def frequency_encoder(
    size: EncoderSize, *, lowest: int = 3, mix: float = 0.7, seed: int = 0
) -> keras.Model:
    """BSARec (Shin et al. 2024, arXiv:2312.10325): in each block mix * a rescaling of high
    frequencies + (1 - mix) * attention, then two dense layers, each normalized after its sum.

    The filter mixes all `length` places: only the state of the last may be trained.

    Args:
        lowest: frequencies that count as low, >= 1.
        mix: alpha in [0, 1]; 0 is attention alone.

    Raises:
        ValueError: if a number is out of range.
    """
    if not 1 <= lowest <= size.length // 2 + 1 or not 0 <= mix <= 1:
        raise ValueError(
            "`lowest` should lie in 1..length / 2 + 1 and `mix` in [0, 1]. "
            f"Received: {lowest!r} and {mix!r}."
        )
    parts = _Parts(size, seed, fixed=True)
    x = parts.dropout(parts.norm(parts.start(scaled=False), "start"), "dropout")
    for i in range(size.blocks):
        name = f"block_{i}"
        layer = blocks.LowFrequencies(
            size.length, lowest, seed=next(parts.seeds), name=f"{name}_frequencies"
        )
        scaled = parts.dropout(layer(x), f"{name}_frequencies_dropout")
        scaled = parts.norm(x + scaled, f"{name}_after_frequencies")
        read = parts.attention(x, f"{name}_attention", causal=True)
        read = parts.dropout(read, f"{name}_attention_dropout")
        read = parts.norm(x + read, f"{name}_after_attention")
        x = mix * scaled + (1.0 - mix) * read
        made = parts.dropout(parts.hidden(x, f"{name}_hidden"), f"{name}_hidden_dropout")
        x = parts.norm(x + made, f"{name}_after_hidden" if i < size.blocks - 1 else "states")
    return parts.model(x, "frequency_encoder")


def filter_encoder(size: EncoderSize, *, seed: int = 0) -> keras.Model:
    """FMLP-Rec (Zhou et al. 2022, arXiv:2202.13556): trained filters in the place of attention.

    A filter mixes all `length` places: only the state of the last may be trained.
    """
    parts = _Parts(size, seed, fixed=True)
    x = parts.dropout(parts.norm(parts.start(scaled=False), "start"), "dropout")
    for i in range(size.blocks):
        name = f"block_{i}"
        layer = blocks.FrequencyFilter(size.length, seed=next(parts.seeds), name=f"{name}_filter")
        x = parts.norm(x + parts.dropout(layer(x), f"{name}_filter_dropout"), f"{name}_after")
        made = parts.dropout(parts.hidden(x, f"{name}_hidden"), f"{name}_hidden_dropout")
        x = parts.norm(x + made, f"{name}_after_hidden" if i < size.blocks - 1 else "states")
    return parts.model(x, "filter_encoder")


def gated_encoder(size: EncoderSize, *, unit: float | None = None, seed: int = 0) -> keras.Model:
    """HSTU (Zhai et al. 2024, arXiv:2402.17152): gated attention without softmax, with biases by
    distance and, with `unit`, by the time between two items."""
    parts = _Parts(size, seed, gaps=unit is not None)
    x = parts.dropout(parts.start(), "dropout")
    known, gap = parts.inputs["known"], parts.inputs.get("gap")
    for i in range(size.blocks):
        layer = blocks.GatedAttention(
            size.heads, size.length, unit=unit, seed=next(parts.seeds), name=f"block_{i}_gated"
        )
        read = parts.norm(x, f"block_{i}_before")
        read = layer(read, known) if gap is None else layer(read, known, gap)
        x = x + parts.dropout(read, f"block_{i}_dropout")
    return parts.model(parts.norm(x, "states"), "gated_encoder")


def recurrent_encoder(size: EncoderSize, *, seed: int = 0) -> keras.Model:
    """GRU4Rec (Hidasi et al. 2016, arXiv:1511.06939): gated recurrent units, places unknown."""
    parts = _Parts(size, seed)
    x = parts.dropout(parts.start(positions=False), "dropout")
    for i in range(size.blocks):
        x = keras.layers.GRU(
            size.dim,
            return_sequences=True,
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(parts.seeds)),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next(parts.seeds)),
            name=f"block_{i}_gru",
        )(x, mask=parts.inputs["known"])
        x = parts.dropout(x, f"block_{i}_dropout")
    x = seeded_dense(size.dim, next(parts.seeds), name="projection")(x)
    return parts.model(parts.norm(x, "states"), RECURRENT)
