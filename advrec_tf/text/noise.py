"""Noise in texts: words left out, typing errors and synonyms.

It serves to measure the robustness of a text tower and to train one. The noise of a text depends
on its position, the seed and the rate alone; a text never loses its last word, and one without a
word stays as it is. The caller gives the synonyms, for example those of `text.synonyms`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def drop_words(texts: Sequence[str], rate: float, *, seed: int) -> list[str]:
    """Each word, separated by white space, is left out with probability `rate`.

    At least one word stays.

    Raises:
        ValueError: if `rate` lies outside [0, 1].
    """

    def altered(text, rng):
        words = text.split()
        if not words:
            return text
        kept = rng.random(len(words)) >= rate
        kept[rng.integers(len(words))] |= not kept.any()
        if kept.all():
            return text
        return " ".join(word for word, stays in zip(words, kept, strict=True) if stays)

    return _each(texts, rate, seed, altered)


def add_typos(texts: Sequence[str], rate: float, *, seed: int) -> list[str]:
    """Each word of two or more letters gets one typing error with probability `rate`.

    Two neighboring letters swapped, a letter dropped, a letter typed twice, or the key beside
    it hit (QWERTY; other letters have no neighbors), with equal probability where possible. The
    word changes, and is never empty.

    Raises:
        ValueError: if `rate` lies outside [0, 1].
    """

    def altered(text, rng):
        return _replace_words(
            text, lambda word: _mistyped(word, rng) if rng.random() < rate else word, least=2
        )

    return _each(texts, rate, seed, altered)


def swap_synonyms(
    texts: Sequence[str], rate: float, *, synonyms: Mapping[str, Sequence[str]], seed: int
) -> list[str]:
    """Each word that has synonyms is replaced by one of them with probability `rate`.

    In the line of Alzantot et al. 2018 (arXiv:1804.07998), without the search for the worst.

    Args:
        synonyms: a word in lower case -> its synonyms. A capital letter at its beginning, or
            capitals throughout, are kept.

    Raises:
        ValueError: if `rate` lies outside [0, 1].
    """

    def replaced(word, rng):
        others = synonyms.get(word.lower(), ())
        if not len(others) or rng.random() >= rate:
            return word
        other = others[rng.integers(len(others))]
        if len(word) > 1 and word.isupper():
            return other.upper()
        return other[:1].upper() + other[1:] if word[:1].isupper() else other

    def altered(text, rng):
        return _replace_words(text, lambda word: replaced(word, rng))

    return _each(texts, rate, seed, altered)


def words_of(texts: Sequence[str]) -> list[str]:
    """The different words of the texts in lower case, sorted, which may have synonyms."""
    return sorted({word.lower() for text in texts for word in _WORD.findall(text)})


_WORD = re.compile(r"[^\W\d_]+")


def _each(texts, rate: float, seed: int, altered: Callable) -> list[str]:
    if not 0 <= rate <= 1:
        raise ValueError(f"`rate` should lie in [0, 1]. Received: {rate!r}.")
    return [altered(text, np.random.default_rng([seed, i])) for i, text in enumerate(texts)]


def _replace_words(text: str, replaced: Callable[[str], str], least: int = 1) -> str:
    def one(match):
        word = match.group()
        return replaced(word) if len(word) >= least else word

    return _WORD.sub(one, text)


def _mistyped(word: str, rng: np.random.Generator) -> str:
    swaps = [i for i in range(len(word) - 1) if word[i].lower() != word[i + 1].lower()]
    keys = [i for i, letter in enumerate(word) if letter.lower() in _BESIDE]
    everywhere = list(range(len(word)))
    kinds = [("drop", everywhere), ("twice", everywhere)]
    kinds += [("swap", swaps)] if swaps else []
    kinds += [("key", keys)] if keys else []
    kind, places = kinds[rng.integers(len(kinds))]
    i = places[rng.integers(len(places))]
    if kind == "drop":
        return word[:i] + word[i + 1 :]
    if kind == "twice":
        return word[: i + 1] + word[i:]
    if kind == "swap":
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    beside = _BESIDE[word[i].lower()]
    other = beside[rng.integers(len(beside))]
    return word[:i] + (other.upper() if word[i].isupper() else other) + word[i + 1 :]


def _beside() -> dict[str, str]:
    """Letter -> the letters whose keys touch its own."""
    place = {
        letter: (column + 0.5 * row, row)
        for row, letters in enumerate(_KEYS)
        for column, letter in enumerate(letters)
    }
    return {
        letter: "".join(
            other
            for other, (u, v) in place.items()
            if other != letter and abs(u - x) <= 1 and abs(v - y) <= 1
        )
        for letter, (x, y) in place.items()
    }


_BESIDE = _beside()
