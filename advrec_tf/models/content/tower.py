"""Towers over what is known of an index: its id, and vectors of any kind, each may be missing.

`build_fusion` is the functional network from the vectors of all modalities (`modalities`) to one
embedding; `ContentTower` looks the vectors up, so that it can be used in place of an index
tower, and still embeds what has no index yet. How such towers are trained against each other is
left to `content.two_tower`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.content.modalities import HISTORY, ID, HistoryVectors, Modality, VectorRows
from advrec_tf.models.replicas import own_rows
from advrec_tf.models.towers import seeded_dense
from advrec_tf.ops.random import stream

FUSIONS = ("sum", "gated", "concat")


def build_fusion(
    widths: Mapping[str, int],
    *,
    dim: int,
    fusion: str = "sum",
    hidden: Sequence[int] = (),
    normalize: bool = True,
    seed: int = 0,
    name: str = "fusion",
) -> keras.Model:
    """{modality: [batch, width], "MODALITY present": [batch, 1] of 0 and 1} -> [batch, dim].

    Each modality is projected to `dim` (an id, which is trained as it is, excepted), after
    `hidden` layers of its own where asked for; a missing one adds nothing. Then

        sum      the projections are added
        gated    they are averaged with weights softmax_m(g_m . x_m + b_m) over the modalities
                 that are present, in the line of Arevalo et al. 2017 (arXiv:1702.01992)
        concat   they and the flags are concatenated and projected once more

    With `normalize` the result has length 1; where everything is missing it is zero.

    Raises:
        ValueError: if there is no modality, `dim` is < 1 or `fusion` is unknown.
    """
    if not widths:
        raise ValueError("`widths` should name at least one modality. Received none.")
    if dim < 1:
        raise ValueError(f"`dim` should be >= 1. Received: {dim!r}.")
    if fusion not in FUSIONS:
        raise ValueError(f"`fusion` should be one of {FUSIONS}. Received: {fusion!r}.")
    inputs, parts, flags, gates = {}, [], [], []
    for m, (modality, width) in enumerate(widths.items()):
        x = keras.Input(shape=(width,), name=modality)
        present = keras.Input(shape=(1,), name=f"{modality}_present")
        inputs |= {modality: x, f"{modality} present": present}
        if modality != ID:
            for i, units in enumerate(hidden):
                x = seeded_dense(
                    units, seed + 100 * m + i, name=f"{modality}_hidden_{i}", activation="relu"
                )(x)
            x = seeded_dense(dim, seed + 100 * m + len(hidden), name=f"{modality}_projection")(x)
        elif width != dim:
            raise ValueError(f"`widths` of an id should be `dim`, {dim}. Received: {width!r}.")
        if fusion == "gated":
            gate = seeded_dense(1, seed + 100 * m + 50, name=f"{modality}_gate")(x)
            gates.append(gate + (present - 1.0) * 1e9)
        parts.append(keras.layers.Multiply(name=f"{modality}_if_present")([x, present]))
        flags.append(present)
    if fusion == "concat":
        joined = keras.layers.Concatenate(name="modalities")([*parts, *flags])
        x = seeded_dense(dim, seed + 99, name="joined")(joined)
        x = x * keras.layers.Maximum(name="any_present")([*flags, flags[0]])
    elif fusion == "gated" and len(parts) > 1:
        weights = tf.nn.softmax(keras.layers.Concatenate(name="gates")(gates), axis=-1)
        x = tf.add_n([part * weights[:, m : m + 1] for m, part in enumerate(parts)])
    else:
        x = tf.add_n(parts)
    if normalize:
        x = keras.layers.UnitNormalization(name="unit")(x)
    return keras.Model(inputs, x, name=name)


class ContentTower(keras.Model):
    """Index [batch] int32 -> [batch, dim] float32 from every modality of the index.

    Args:
        fusion: of `build_fusion`, over the names of `sources`.
        sources: name -> layer, index [batch] -> [batch, width].
        present: name -> [n] bool, where there is something to look up.
        dropout: name -> fraction of a training batch for which the modality is hidden, in [0, 1).
            With the id hidden at times, the rest learns to stand alone, as it must for an
            index without training interactions (Volkovs et al. 2017, DropoutNet).

    Raises:
        ValueError: if the names differ, or a fraction is out of range.
    """

    def __init__(
        self,
        fusion: keras.Model,
        sources: Mapping[str, keras.layers.Layer],
        present: Mapping[str, np.ndarray],
        *,
        dropout: Mapping[str, float] | None = None,
        name: str,
    ):
        super().__init__(name=name)
        dropout = dict(dropout or {})
        if set(sources) != set(present) or not set(dropout) <= set(sources):
            raise ValueError(
                "`sources`, `present` and `dropout` should have the same names. Received: "
                f"{sorted(sources)}, {sorted(present)} and {sorted(dropout)}."
            )
        for modality, fraction in dropout.items():
            if not 0 <= fraction < 1:
                raise ValueError(
                    f"`dropout` should lie in [0, 1). Received: {fraction!r} for {modality!r}."
                )
        self.fusion = fusion
        self.sources = dict(sources)
        self.names = tuple(sources)
        self.dropout = dropout
        self.dim = fusion.output_shape[-1]
        self.present = {
            modality: tf.constant(np.asarray(flags, np.float32)[:, None])
            for modality, flags in present.items()
        }

    def call(self, index, training=False, *, seed=None, left_out=None):
        """`seed` [2] int32 draws what is hidden; without it nothing is, even in training.

        `left_out` [batch] int32 are items to be left out of the histories, -1 for none.
        """
        parts = {}
        for m, name in enumerate(self.names):
            source = self.sources[name]
            present = tf.gather(self.present[name], index)
            if isinstance(source, HistoryVectors):
                vectors, count = source(index, left_out=left_out)
                present = tf.cast(count > 0, tf.float32)
            else:
                vectors = source(index)
            fraction = self.dropout.get(name, 0.0)
            if training and fraction and seed is not None:
                own = stream(seed, "hidden modality", m)
                drawn = own_rows(
                    lambda count, own=own: tf.random.stateless_uniform([count, 1], own),
                    tf.shape(present)[0],
                )
                present *= tf.cast(drawn >= fraction, tf.float32)
            parts |= {name: vectors, f"{name} present": present}
        return self.fusion(parts)

    def embed(self, given: Mapping[str, np.ndarray | tf.Tensor]) -> tf.Tensor:
        """{modality: [n, width]} of things without an index -> [n, dim]; the rest is missing.

        Raises:
            ValueError: if nothing is given, or what the tower does not know.
        """
        unknown = set(given) - set(self.names)
        if not given or unknown:
            raise ValueError(
                f"`given` should hold some of {list(self.names)}. Received: {sorted(given)}."
            )
        given = {name: tf.convert_to_tensor(value, tf.float32) for name, value in given.items()}
        count = tf.shape(next(iter(given.values())))[0]
        parts = {}
        for name in self.names:
            width = self.fusion.input[name].shape[-1]
            if name in given and given[name].shape[-1] != width:
                raise ValueError(
                    f"`given` should hold vectors of {width} numbers as {name!r}. "
                    f"Received: {given[name].shape}."
                )
            parts[name] = given[name] if name in given else tf.zeros([count, width])
            parts[f"{name} present"] = tf.fill([count, 1], float(name in given))
        return self.fusion(parts)


def build_content_tower(
    num_ids: int,
    modalities: Sequence[Modality] = (),
    *,
    dim: int,
    ids: np.ndarray | None = None,
    history: HistoryVectors | None = None,
    sources: Mapping[str, keras.layers.Layer] | None = None,
    fusion: str = "sum",
    hidden: Sequence[int] = (),
    dropout: Mapping[str, float] | None = None,
    initial_scale: float = 0.1,
    seed: int = 0,
    name: str,
) -> ContentTower:
    """A `ContentTower` for indices 0..num_ids - 1, its vectors of length 1.

    Args:
        modalities: tables of `num_ids` vectors.
        ids: [num_ids] bool, the indices that have training interactions: they get an id embedding,
            others none; None for a tower without ids.
        history: for users, the vectors of their histories.
        sources: name -> layer, index [batch] -> [batch, width], for vectors that are
            computed instead of looked up, such as a `LanguageItemTower`; it stands in for the
            modality of the same name, whose `present` still holds.

    Raises:
        ValueError: if a table does not have `num_ids` vectors, two modalities have one name, or a
            source belongs to none.
    """
    layers, present, widths = {}, {}, {}
    if ids is not None:
        layers[ID] = keras.layers.Embedding(
            num_ids,
            dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=initial_scale, seed=seed),
            name=f"{name}_id_embedding",
        )
        present[ID], widths[ID] = np.asarray(ids, bool), dim
    if history is not None:
        layers[HISTORY] = history
        present[HISTORY] = np.ones(num_ids, bool)
        widths[HISTORY] = history.items.shape[-1]
    computed = dict(sources or {})
    for modality in modalities:
        if len(modality.vectors) != num_ids or modality.name in layers:
            raise ValueError(
                f"`modalities` should have different names and {num_ids} vectors each. Received: "
                f"{modality.name!r} with {len(modality.vectors)} vectors."
            )
        source = computed.pop(modality.name, None)
        layers[modality.name] = source or VectorRows(
            modality.vectors, name=f"{name}_{modality.name}_rows"
        )
        present[modality.name] = modality.present
        widths[modality.name] = modality.width if source is None else source.dim
    if computed:
        raise ValueError(
            f"`sources` should have the names of modalities. Received: {sorted(computed)}."
        )
    network = build_fusion(
        widths, dim=dim, fusion=fusion, hidden=hidden, seed=1000 * seed, name=f"{name}_fusion"
    )
    return ContentTower(network, layers, present, dropout=dropout, name=name)
