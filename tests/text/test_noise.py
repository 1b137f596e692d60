import numpy as np
import pytest

from advrec_tf.text.noise import add_typos, drop_words, swap_synonyms, words_of

TEXTS = ["The Matrix (1999), a hacker learns the truth", "Up", "", "   ", "Amélie", "2001 !"]
LONG = ["one two three four five six seven eight nine ten"] * 400
SYNONYMS = {"hacker": ["coder", "intruder"], "truth": ["fact"], "up": ["above"], "the": []}
KINDS = {
    "drop": lambda texts, rate, seed=0: drop_words(texts, rate, seed=seed),
    "typo": lambda texts, rate, seed=0: add_typos(texts, rate, seed=seed),
    "synonym": lambda texts, rate, seed=0: swap_synonyms(texts, rate, synonyms=SYNONYMS, seed=seed),
}


def distance(one, other):
    """Fewest letters put in, left out, altered or swapped with the next (optimal alignment)."""
    table = np.zeros([len(one) + 1, len(other) + 1], int)
    table[:, 0], table[0] = range(len(one) + 1), range(len(other) + 1)
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            same = one[i - 1] == other[j - 1]
            table[i, j] = min(
                table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (not same)
            )
            if i > 1 and j > 1 and one[i - 2 : i] == other[j - 2 : j][::-1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[-1, -1]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_happens_at_rate_zero_and_no_text_is_emptied_at_rate_one(kind):
    assert KINDS[kind](TEXTS, 0.0) == TEXTS
    for seed in range(20):
        altered = KINDS[kind](TEXTS, 1.0, seed)
        assert [bool(text.strip()) for text in altered] == [bool(t.strip()) for t in TEXTS]
        assert altered[2:4] == ["", "   "]


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_depends_on_its_place_the_seed_and_nothing_else(kind):
    texts = TEXTS[:1] * 30
    altered = KINDS[kind](texts, 0.5, 1)
    assert altered == KINDS[kind](texts, 0.5, 1) != KINDS[kind](texts, 0.5, 2)
    others = ["something else"] * 29 + texts[-1:]
    assert KINDS[kind](others, 0.5, 1)[-1] == altered[-1]
    assert len(set(altered)) > 3


def test_words_are_dropped_at_their_rate_and_the_rest_keeps_its_order():
    words = LONG[0].split()
    kept = [text.split() for text in drop_words(LONG, 0.3, seed=0)]
    assert all(left == [word for word in words if word in left] for left in kept)
    # 4000 words: a deviation of .007
    assert np.mean([len(left) for left in kept]) == pytest.approx(7, abs=0.25)
    assert {len(text.split()) for text in drop_words(LONG, 1.0, seed=0)} == {1}
    assert len(set(drop_words(LONG, 1.0, seed=0))) == 10  # any word can be the last one


def test_white_space_is_left_alone_where_nothing_is_dropped():
    assert drop_words([" a  b\n"] * 3, 0.0, seed=0) == [" a  b\n"] * 3


def test_a_typo_is_one_slip_and_there_are_as_many_as_the_rate_says():
    words, hit = LONG[0].split(), []
    for text in add_typos(LONG, 0.4, seed=0):
        slips = [distance(*pair) for pair in zip(words, text.split(), strict=True)]
        assert set(slips) <= {0, 1}
        hit.append(np.mean(slips))
    assert np.mean(hit) == pytest.approx(0.4, abs=0.03)


def test_every_kind_of_slip_occurs_and_no_other():
    # "ab": swapped, dropped, typed twice, or a neighbor of a (q w s z) or of b (g h v n)
    possible = {
        "ba",
        "a",
        "b",
        "aab",
        "abb",
        *(f"{k}b" for k in "qwsz"),
        *(f"a{k}" for k in "ghvn"),
    }
    assert set(add_typos(["ab"] * 600, 1.0, seed=0)) == possible
    assert set(add_typos(["AA"] * 300, 1.0, seed=0)) == {
        *("A", "AAA"),
        *(f"{k}A" for k in "QWSZ"),
        *(f"A{k}" for k in "QWSZ"),
    }
    # letters that no key has beside it, numbers and single letters
    assert set(add_typos(["éé"] * 50, 1.0, seed=0)) == {"é", "ééé"}
    assert add_typos(["a 1999 , B"], 1.0, seed=0) == ["a 1999 , B"]


def test_synonyms_take_the_place_of_words_in_their_own_case():
    texts = ["Hacker hacker HACKER, the truth."] * 60
    altered = swap_synonyms(texts, 1.0, synonyms=SYNONYMS, seed=0)
    first, second, third, fourth, fifth = (set(column) for column in zip(*map(str.split, altered)))
    assert first == {"Coder", "Intruder"} and second == {"coder", "intruder"}
    assert third == {"CODER,", "INTRUDER,"} and fourth == {"the"} and fifth == {"fact."}
    some = swap_synonyms(["truth"] * 1000, 0.25, synonyms=SYNONYMS, seed=0)
    assert some.count("fact") == pytest.approx(250, abs=45)


def test_the_words_that_could_have_synonyms():
    assert words_of(["The Matrix (1999)", "the café's end"]) == [
        *("café", "end", "matrix", "s", "the")
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_out_of_range_is_refused(kind, rate):
    with pytest.raises(ValueError, match=r"`rate` should lie in \[0, 1\]"):
        KINDS[kind](TEXTS, rate)
