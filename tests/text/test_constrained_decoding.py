"""A tiny GPT-2 with random weights: what it prefers to say is nonsense, and it cannot say it."""

import itertools

import numpy as np
import pytest

from advrec_tf.knowledge.explanations import Explanation, phrase
from advrec_tf.text.constrained_decoding import ConstrainedDecoder

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

LETTERS = [*"abcdefghijklmnopqrstuvwxyzAWS.,:-'()0123456789", "Ġ", "Ċ"]
MERGES = ["h e", "a t", "he at", "Ġ heat", "e r"]
TOKENS = [*LETTERS, "he", "at", "heat", "Ġheat", "er", "<|endoftext|>"]


def gpt2(seed, positions=400):
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=len(TOKENS),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=positions,
    )
    rng = np.random.default_rng(seed)
    for weight in backbone.weights:
        weight.assign(rng.normal(scale=0.6, size=weight.shape))
    vocabulary = {token: i for i, token in enumerate(TOKENS)}
    return backbone, keras_hub.models.GPT2Tokenizer(vocabulary=vocabulary, merges=MERGES)


@pytest.fixture(scope="module")
def decoders():
    return [ConstrainedDecoder(*gpt2(seed), max_tokens=30) for seed in range(3)]


def test_only_the_words_given_are_generated_and_none_twice_in_a_row(decoders):
    words = ["heat", "heater", "Alien", "mat", "a"]
    texts = [decoder("heat heat:", words) for decoder in decoders]
    for text in texts:
        said = text.replace(",", "").rstrip(".").split()
        assert said and set(said) <= set(words)
        assert all(one != other for one, other in itertools.pairwise(said))
    assert len(set(texts)) > 1  # the models choose among them


def test_the_likeliest_allowed_token_is_taken_even_where_words_begin_alike():
    # one token at a time by hand: " heat" is one token, " heater" the same and "er" after it
    decoder = ConstrainedDecoder(*gpt2(0), max_tokens=30)
    place = {token: i for i, token in enumerate(TOKENS)}

    def prefer(*tokens):
        order = iter(tokens)

        def scores(ids):
            asked.append(ids.numpy()[0].tolist())
            found = np.zeros(len(TOKENS), np.float32)
            found[place[next(order)]] = 1.0
            return found_as_tensor(found)

        return scores

    class found_as_tensor:
        def __init__(self, values):
            self.values = values

        def numpy(self):
            return self.values

    for tokens, expected in (
        # heat, then (may it go on?) er; then only the stop is liked
        (["Ġheat", "er", "."], "heater."),
        # heat, then a full stop is liked better than er: the word ends there
        (["Ġheat", ".", "."], "heat."),
        # the model's end token ends it without a full stop
        (["Ġheat", "er", "<|endoftext|>"], "heater"),
    ):
        asked = []
        decoder._next_scores = prefer(*tokens)
        assert decoder("heat", ["heat", "heater", "mat"]) == expected
        assert asked[1] == [place["heat"], place["Ġheat"]]


def test_a_word_without_room_is_left_out_whole():
    decoder = ConstrainedDecoder(*gpt2(1), max_tokens=3)
    assert decoder("heat", ["Alienalien"]) == ""  # eleven tokens
    assert decoder("heat", ["heat"]) in ("heat", "heat.")


def test_an_explanation_in_its_words_is_taken_from_the_model(decoders):
    explained = Explanation(
        user_id="ann",
        item_id=11,
        item="Aliens",
        score=1.5,
        neighbors=(("Alien", 0.9),),
        words=(("space", 0.3),),
    )
    found = [phrase(explained, decoder) for decoder in decoders]
    assert any(one.by == "model" for one in found)
    template = " ".join(explained.facts())
    for one in found:
        assert one.by == "model" or (one.text == template and one.refused)


def test_bad_arguments_are_refused(decoders):
    bert = keras_hub.models.BertBackbone(12, 1, 2, 8, 16)
    with pytest.raises(ValueError, match="a causal language model, such as GPT-2.*BertBackbone"):
        ConstrainedDecoder(bert, None)
    with pytest.raises(ValueError, match="`max_tokens` should be >= 1 and below the 400"):
        ConstrainedDecoder(*gpt2(0), max_tokens=400)
    with pytest.raises(ValueError, match="`words` should hold at least one word"):
        decoders[0]("heat", [])
    with pytest.raises(ValueError, match="`prompt` should have at most 370 tokens. Received: 380"):
        decoders[0]("m" * 380, ["heat"])


def test_a_decoder_is_read_from_a_folder(decoders, tmp_path):
    backbone, tokenizer = gpt2(1)
    backbone.save_to_preset(str(tmp_path))
    tokenizer.save_to_preset(str(tmp_path))
    words = ["heat", "heater", "Alien", "mat", "a"]
    read = ConstrainedDecoder.from_preset(tmp_path, max_tokens=30)
    assert read("heat heat:", words) == decoders[1]("heat heat:", words)
