"""Synonyms by a language model: the nearest words in its token embedding.

Replacing words in texts is left to `text.noise`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advrec_tf.text.language_layer import LanguageModelLayer
from advrec_tf.text.tokenizer import LanguageTokenizer

_BLOCK = 1024


def nearest_words(
    language_model: LanguageModelLayer,
    tokenizer: LanguageTokenizer,
    words: Sequence[str],
    *,
    count: int = 8,
    minimum: float = 0.5,
) -> dict[str, tuple[str, ...]]:
    """Up to `count` words for each of `words` that is one token, nearest first.

    In the line of Alzantot et al. 2018 (arXiv:1804.07998), who take the 8 nearest within a
    distance, of word vectors made to tell synonyms from antonyms; these are not, so that a
    word may stand for another that is used alike ("brother" for "sister"). Candidates are the
    tokens that are whole words of three or more letters, compared by the cosine of their rows.

    Args:
        words: in lower case, such as `noise.words_of(texts)`.
        count: at most so many for a word, >= 1.
        minimum: least cosine, in [-1, 1].

    Returns:
        Only words that have at least one.

    Raises:
        ValueError: if `count` or `minimum` is out of range, or the model's table of tokens is
            not found.
    """
    if count < 1 or not -1 <= minimum <= 1:
        raise ValueError(
            f"`count` should be >= 1 and `minimum` in [-1, 1]. Received: {count!r}, {minimum!r}."
        )
    token_of = {}
    for word, token in _whole_words(tokenizer):
        token_of.setdefault(word, token)
    names = np.array([*token_of], object)
    table = _token_table(language_model, len(tokenizer.tokenizer.get_vocabulary()))
    vectors = table[[token_of[word] for word in names]]
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    place = {word: i for i, word in enumerate(names)}
    asked = [word for word in dict.fromkeys(words) if word in place]
    found: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        rows = [place[word] for word in block]
        cosine = vectors[rows] @ vectors.T
        cosine[np.arange(len(rows)), rows] = -2.0
        best = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
        for word, order, values in zip(block, best, cosine, strict=True):
            near = tuple(str(names[i]) for i in order if values[i] >= max(minimum, -1.0))
            if near:
                found[word] = near
    return found


def _whole_words(tokenizer: LanguageTokenizer):
    """(word in lower case, token id) of the vocabulary's whole words.

    WordPiece marks the continuation of a word by ##, byte pairs and SentencePiece mark its
    beginning by a space, written as one of two signs.
    """
    vocabulary = tokenizer.tokenizer.get_vocabulary()
    marks = [sign for sign in ("\u0120", "\u2581") if any(t.startswith(sign) for t in vocabulary)]
    for token, text in enumerate(vocabulary):
        if marks:
            if not text.startswith(tuple(marks)):
                continue
            text = text[1:]
        if len(text) >= 3 and text.isascii() and text.isalpha():
            yield text.lower(), token


def _token_table(language_model: LanguageModelLayer, tokens: int) -> np.ndarray:
    """[at least `tokens`, width] float32."""
    found = [
        weight.numpy()
        for path, weight in language_model.named_weights().items()
        if path.endswith("token_embedding/embeddings")
    ]
    if len(found) != 1 or len(found[0]) < tokens:
        raise ValueError(
            "`language_model` should have one table of token embeddings, with a row for each of "
            f"the {tokens} tokens. Received: {[table.shape for table in found]}."
        )
    return found[0]
