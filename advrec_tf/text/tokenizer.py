"""Texts as token ids, in TensorFlow operations: for `tf.data` and inside a served graph.

Wraps a tokenizer of keras-hub (WordPiece, byte pairs, SentencePiece). A graph that tokenizes
holds operations of TensorFlow Text: a process that loads it imports `tensorflow_text` first.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


class LanguageTokenizer(tf.Module):
    """texts [batch] string -> {"token_ids", "padding_mask"}, both [batch, length] int32.

    The start and end tokens of the model ([CLS] and [SEP] for BERT) stand around each text;
    one that is too long loses its end, never the end token. A text that is empty, or that
    holds nothing but white space, becomes the start and end token alone, mask 1 for both.

    Args:
        tokenizer: of keras-hub, with `start_token_id` and `end_token_id`.
        max_length: most tokens a text may have, those two included.

    Raises:
        ValueError: if `max_length` leaves no room for a token of text, or `tokenizer` has no
            start and end token.
    """

    def __init__(self, tokenizer, *, max_length: int = 64):
        super().__init__(name="language_tokenizer")
        ids = [getattr(tokenizer, f"{token}_token_id", None) for token in ("start", "end")]
        if None in ids:
            raise ValueError(
                "`tokenizer` should have a start and an end token. "
                f"Received: {type(tokenizer).__name__} with the ids {ids}."
            )
        if not max_length >= 3:
            raise ValueError(f"`max_length` should be >= 3. Received: {max_length!r}.")
        self.max_length = max_length
        self.start_id, self.end_id = ids
        self.pad_id = getattr(tokenizer, "pad_token_id", None) or 0
        self._hidden = (lambda: tokenizer,)  # a Keras 3 layer: not to be tracked as a module
        # Tables of byte-pair tokenizers; a WordPiece vocabulary is a constant of the graph.
        tables = ("byte2unicode", "unicode2byte", "token_to_id_map", "merge_ranks", "cache")
        self._tables = [
            table for table in (getattr(tokenizer, name, None) for name in tables) if table
        ]
        # Traced here, and so a graph even where functions run eagerly.
        self._tokenize = tf.function(self._ragged, autograph=False).get_concrete_function(
            tf.TensorSpec([None], tf.string)
        )

    @property
    def tokenizer(self):
        """The tokenizer of keras-hub."""
        return self._hidden[0]()

    def __call__(self, texts, *, pad_to_max: bool = False) -> dict[str, tf.Tensor]:
        """Padded to the longest of the batch, or to `max_length` (a static shape, for XLA)."""
        tokens = self._tokenize(texts)[:, : self.max_length - 2]
        around = tf.ones([tokens.nrows(), 1], tf.int32)
        tokens = tf.concat([around * self.start_id, tokens, around * self.end_id], axis=1)
        shape = [None, self.max_length] if pad_to_max else None
        return {
            "token_ids": tokens.to_tensor(self.pad_id, shape=shape),
            "padding_mask": tf.ones_like(tokens).to_tensor(0, shape=shape),
        }

    def lengths(self, texts) -> tf.Tensor:
        """[batch] string -> [batch] int32: tokens before any is cut, start and end included."""
        return tf.cast(self._tokenize(texts).row_lengths(), tf.int32) + 2

    def num_truncated(self, texts: Sequence[str]) -> int:
        """How many of the texts lose their end."""
        return int(tf.reduce_sum(tf.cast(self.lengths(texts) > self.max_length, tf.int32)))

    def _ragged(self, texts: tf.Tensor) -> tf.RaggedTensor:
        # Always in a graph: eager calls of keras-hub take another path, without TensorFlow.
        return tf.cast(self.tokenizer(texts), tf.int32)
