"""Texts as vectors: a language model, pooled, projected and normalized, as a Keras 2 tower.

`LanguageModelTower` takes texts or their tokens; `LanguageItemTower` takes item indices and
fits wherever an index tower does, such as in `TwoTower`. Weights: `language_layer`; tokens:
`language_tokenizer`; names and folders: `language_presets`; vectors of many texts, kept on
disk: `language_cache`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.text.language_layer import LanguageModelLayer, parse_strategy
from advrec_tf.text.presets import load_preset
from advrec_tf.text.tokenizer import LanguageTokenizer

POOLINGS = ("mean", "first", "last")


def pool(hidden: tf.Tensor, mask: tf.Tensor, pooling: str) -> tf.Tensor:
    """[batch, length, width] and mask [batch, length] int32 -> [batch, width].

    `mean` over the tokens that are none of padding (Reimers and Gurevych 2019, Sentence-BERT,
    arXiv:1908.10084), the `first` token, or the `last` that is none of padding.

    Raises:
        ValueError: if `pooling` is none of these.
    """
    if pooling == "mean":
        weights = tf.cast(mask, hidden.dtype)[:, :, None]
        total = tf.reduce_sum(weights, axis=1)
        return tf.reduce_sum(hidden * weights, axis=1) / tf.maximum(total, 1.0)
    if pooling == "first":
        return hidden[:, 0]
    if pooling == "last":
        last = tf.maximum(tf.reduce_sum(mask, axis=1) - 1, 0)
        return tf.gather(hidden, last, batch_dims=1)
    raise ValueError(f"`pooling` should be one of {POOLINGS}. Received: {pooling!r}.")


class LanguageModelTower(keras.Model):
    """Texts [batch] string, or {"token_ids", "padding_mask"} [batch, length] -> [batch, dim].

    The output is float32 whatever the language model computes in.

    Args:
        language_model: the layer, which decides what trains.
        tokenizer: for texts; `tower.tokenizer` maps over a `tf.data.Dataset` too.
        pooling: "mean", "first" or "last"; see `pool`.
        dim: width of a trained projection without bias; None for no projection.
        normalize: vectors of length 1.
        seed: of the projection.

    Raises:
        ValueError: if `pooling` is unknown, `dim` is < 1, or the tokenizer allows longer
            texts or has more tokens than the language model.
    """

    def __init__(
        self,
        language_model: LanguageModelLayer,
        tokenizer: LanguageTokenizer,
        *,
        pooling: str = "mean",
        dim: int | None = None,
        normalize: bool = True,
        seed: int = 0,
        name: str = "language_model_tower",
    ):
        super().__init__(name=name)
        if pooling not in POOLINGS:
            raise ValueError(f"`pooling` should be one of {POOLINGS}. Received: {pooling!r}.")
        if dim is not None and not dim >= 1:
            raise ValueError(f"`dim` should be >= 1 or None. Received: {dim!r}.")
        longest = language_model.max_length
        if longest is not None and tokenizer.max_length > longest:
            raise ValueError(
                f"`max_length` should be at most the {longest} tokens that the language model "
                f"takes. Received: {tokenizer.max_length!r}."
            )
        tokens, rows = (
            tokenizer.tokenizer.vocabulary_size(),
            getattr(language_model.backbone, "vocabulary_size", None),
        )
        if rows is not None and tokens > rows:
            raise ValueError(
                f"`tokenizer` should have at most the {rows} tokens that the language model "
                f"knows. Received: {tokens}: the vocabulary is another model's."
            )
        self.language_model = language_model
        self.tokenizer = tokenizer
        self.pooling, self.normalize = pooling, normalize
        self.projection = None
        if dim is not None:
            initializer = keras.initializers.GlorotUniform(seed=seed)
            self.projection = keras.layers.Dense(
                dim, use_bias=False, kernel_initializer=initializer, name="projection"
            )
            self.projection.build([None, language_model.width])
        self.dim = language_model.width if dim is None else dim

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike,
        *,
        strategy: str = "frozen",
        pooling: str = "mean",
        dim: int | None = None,
        normalize: bool = True,
        max_length: int = 64,
        mixed_precision: bool = False,
        dropout: bool = False,
        seed: int = 0,
    ) -> LanguageModelTower:
        """A tower from a folder or a name; `language_presets.load_preset` has the errors.

        Args:
            strategy: what trains; see `LanguageModelLayer`.
            max_length: tokens of a text, start and end included; what is beyond is cut.
            mixed_precision: the language model computes in bfloat16; weights and output stay
                float32.
            dropout: see `LanguageModelLayer`.
        """
        parse_strategy(strategy)  # before anything large is read
        backbone, tokenizer = load_preset(preset, mixed_precision=mixed_precision)
        return cls(
            LanguageModelLayer(backbone, strategy=strategy, dropout=dropout),
            LanguageTokenizer(tokenizer, max_length=max_length),
            pooling=pooling,
            dim=dim,
            normalize=normalize,
            seed=seed,
        )

    def without_head(self) -> LanguageModelTower:
        """The same language model, pooled, with neither projection nor normalization."""
        return LanguageModelTower(
            self.language_model, self.tokenizer, pooling=self.pooling, normalize=False
        )

    @property
    def trainable_parameters(self) -> int:
        """How many numbers train, those of the projection included."""
        return sum(int(variable.shape.num_elements()) for variable in self.trainable_weights)

    def call(self, inputs, training: bool | None = None) -> tf.Tensor:
        return self.head(self.pooled(inputs, training=training))

    @functools.cached_property
    def encode(self):
        """Texts [batch] string -> (vectors [batch, dim], how many texts were cut), with the
        weights of the moment; a compiled function, traced once a tower."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def encode(texts):
            cut = self.tokenizer.lengths(texts) > self.tokenizer.max_length
            return self(texts, training=False), tf.math.count_nonzero(cut)

        return encode

    def pooled(self, inputs, training: bool | None = None) -> tf.Tensor:
        """As `call`, before projection and normalization: [batch, width]."""
        tokens = inputs if isinstance(inputs, dict) else self.tokenizer(inputs)
        hidden = self.language_model(tokens, training=training)
        return pool(hidden, tokens["padding_mask"], self.pooling)

    def head(self, vectors: tf.Tensor) -> tf.Tensor:
        """Projection and normalization of pooled vectors, [batch, width] -> [batch, dim]."""
        if self.projection is not None:
            vectors = self.projection(vectors)
        if self.normalize:
            vectors = tf.math.l2_normalize(vectors, axis=-1)
        return tf.cast(vectors, tf.float32)


class PooledItemTower(keras.Model):
    """Item index [batch] int32 -> [batch, dim] float32: the tower's head on vectors kept.

    For a language model that stands still: its vectors are computed once (`encode_texts` of
    `tower.without_head()`), and what trains is `tower.projection` itself, so that `tower`
    embeds other texts by what was learnt.

    Args:
        tower: of the strategy "frozen".
        vectors: [num_items, width] float32, pooled.

    Raises:
        ValueError: if the language model trains, or `vectors` is not as wide as it.
    """

    def __init__(self, tower: LanguageModelTower, vectors: np.ndarray, *, name="item_tower"):
        super().__init__(name=name)
        layer = tower.language_model
        if layer.trainable_weights:
            raise ValueError(
                f"`tower` should be of the strategy 'frozen'. Received: {layer.strategy!r}."
            )
        if np.ndim(vectors) != 2 or np.shape(vectors)[1] != layer.width:
            raise ValueError(
                f"`vectors` should have shape [num_items, {layer.width}]. "
                f"Received: {np.shape(vectors)}."
            )
        self.tower = tower
        self.dim = tower.dim
        self.vectors = tf.Variable(vectors, trainable=False, dtype=tf.float32, name="vectors")

    def call(self, item_index: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return self.tower.head(tf.gather(self.vectors, item_index))


class LanguageItemTower(keras.Model):
    """Item index [batch] int32 -> [batch, dim] float32: the tower on the item's own text.

    The texts are tokenized once and kept as a table; a batch is cut to its longest text. Two
    items with the same text have the same vector.

    Args:
        tower: the language model.
        texts: [num_items], in the order of the item indices.

    Raises:
        ValueError: if `texts` is empty.
    """

    def __init__(self, tower: LanguageModelTower, texts: Sequence[str], *, name="item_tower"):
        super().__init__(name=name)
        if not len(texts):
            raise ValueError("`texts` should hold the text of at least one item. Received none.")
        self.tower = tower
        self.dim = tower.dim
        tokens = tower.tokenizer(tf.constant(np.asarray(texts, object), tf.string))
        self.token_ids, self.padding_mask = (
            tf.Variable(tokens[key], trainable=False, name=key)
            for key in ("token_ids", "padding_mask")
        )

    def call(self, item_index: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        mask = tf.gather(self.padding_mask, item_index)
        longest = tf.reduce_max(tf.reduce_sum(mask, axis=1))
        ids = tf.gather(self.token_ids, item_index)[:, :longest]
        tokens = {"token_ids": ids, "padding_mask": mask[:, :longest]}
        return self.tower(tokens, training=training)
