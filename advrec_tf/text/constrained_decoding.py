"""Constrained decoding: a causal language model that can generate the given words alone.

At each step the model's scores choose among the tokens that continue one of the words, however
high it scores others. Which words those are, and what becomes of the text, is left to
`knowledge.explanations`.
"""

from __future__ import annotations

import os
from collections.abc import Collection

import numpy as np
import tensorflow as tf

from advrec_tf.text.language_layer import LanguageModelLayer
from advrec_tf.text.presets import load_preset, require_keras_hub

_COMMA, _STOP, _END = ",", ".", ""


class ConstrainedDecoder:
    """(prompt, words) -> a continuation of the prompt made of the words alone.

    Greedy: the likeliest allowed token each time. A word comes as it is spelled, after a blank,
    and never twice in a row; commas may stand between words; a full stop or the model's end token
    ends the text, and so does a word for which `max_tokens` leave no room.

    Args:
        backbone: of keras-hub, of a family that has a causal language model.
        tokenizer: its tokenizer, with an end token.
        max_tokens: tokens generated at most, >= 1.

    Raises:
        ValueError: if the family has no causal language model, or `max_tokens` is < 1 or leaves
            no room for a prompt.
    """

    def __init__(self, backbone, tokenizer, *, max_tokens: int = 48):
        if not _is_causal(backbone):
            raise ValueError(
                "`backbone` should be of a family with a causal language model, such as GPT-2. "
                f"Received: {type(backbone).__name__}."
            )
        layer = LanguageModelLayer(backbone)
        longest = layer.max_length
        if max_tokens < 1 or (longest is not None and max_tokens >= longest):
            raise ValueError(
                f"`max_tokens` should be >= 1 and below the {longest} tokens that the model takes. "
                f"Received: {max_tokens!r}."
            )
        self.tokenizer, self.max_tokens = tokenizer, max_tokens
        self.longest_prompt = None if longest is None else longest - max_tokens
        embedding = backbone.token_embedding

        @tf.function(input_signature=[tf.TensorSpec([1, None], tf.int32)], autograph=False)
        def next_scores(ids):
            hidden = layer({"token_ids": ids, "padding_mask": tf.ones_like(ids)})
            return embedding(hidden[:, -1:], reverse=True)[0, 0]

        self._next_scores = next_scores

    @classmethod
    def from_preset(cls, preset: str | os.PathLike, **settings) -> ConstrainedDecoder:
        """A folder or a name, such as "gpt2_base_en"; errors as `load_preset`."""
        return cls(*load_preset(preset), **settings)

    def __call__(self, prompt: str, words: Collection[str]) -> str:
        """The text that follows `prompt`, made of `words`.

        Raises:
            ValueError: if there is no word, or the prompt is longer than the model takes.
        """
        if not words:
            raise ValueError("`words` should hold at least one word. Received none.")
        ids = self._tokens(prompt)
        if self.longest_prompt is not None and len(ids) > self.longest_prompt:
            raise ValueError(
                f"`prompt` should have at most {self.longest_prompt} tokens. Received: {len(ids)}."
            )
        spelled = {word: self._tokens(f" {word}") for word in words}
        marks = {mark: self._tokens(mark) for mark in (_COMMA, _STOP)}
        marks[_END] = [self.tokenizer.end_token_id]
        text, room = [], self.max_tokens
        while True:
            last = text[-1] if text else None
            open_words = {word: t for word, t in spelled.items() if word != last}
            if last not in (None, _COMMA):
                open_words |= marks
            word = self._next_word(ids, open_words) if open_words else _END
            tokens = {**spelled, **marks}[word]
            room -= len(tokens)
            if word == _END or room < 0:
                break
            text.append(word)
            ids = ids + tokens
            if word == _STOP:
                break
        generated = "".join(word if word in marks else f" {word}" for word in text)
        return generated.strip().rstrip(_COMMA)

    def _next_word(self, ids: list[int], words: dict[str, list[int]]) -> str:
        """The word that the likeliest tokens spell; `words` is word -> tokens."""
        left, depth = words, 0
        while len(left) > 1:
            longer = {word: tokens for word, tokens in left.items() if len(tokens) > depth}
            ended = [word for word in left if word not in longer]
            following = {tokens[depth] for tokens in longer.values()}
            # Where a word may be complete, what could begin after it competes as well.
            beginning = {tokens[0] for tokens in words.values()} if ended else set()
            path = next(iter(left.values()))[:depth]
            options = np.array(sorted(following | beginning))
            scores = self._next_scores(tf.constant([ids + path], tf.int32)).numpy()
            token = int(options[scores[options].argmax()])
            if token not in following:
                return ended[0]
            left = {word: tokens for word, tokens in longer.items() if tokens[depth] == token}
            depth += 1
        return next(iter(left))

    def _tokens(self, text: str) -> list[int]:
        return [int(token) for token in np.asarray(self.tokenizer(text))]


def _is_causal(backbone) -> bool:
    models = vars(require_keras_hub().models).values()
    family = require_keras_hub().models.CausalLM
    return any(
        isinstance(model, type)
        and issubclass(model, family)
        and getattr(model, "backbone_cls", None) is type(backbone)
        for model in models
    )
