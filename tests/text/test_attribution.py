import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.knowledge.explanations import explain
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import content_two_tower
from advrec_tf.text.attribution import TokenAttribution
from advrec_tf.text.cache import encode_texts
from advrec_tf.training.perturb_outputs import perturb_outputs

TEXTS = ["the godfather", "matrix the", "amelie", ""]


@pytest.fixture(scope="module")
def encoder(make_text_tower):
    return make_text_tower(["the", "god", "##father", "matrix", "amelie"], scale=0.3)


@pytest.fixture(scope="module")
def model(encoder):
    keras.utils.set_random_seed(0)
    data = Interactions(
        user_index=np.array([0, 1, 1], np.int32),
        item_index=np.array([1, 0, 2], np.int32),
        users=Vocabulary(["ann", "bob"]),
        items=Vocabulary([1, 2, 3, 4]),
        item_text=np.array(TEXTS, object),
    )
    text = Modality(name="text", vectors=encode_texts(encoder, TEXTS, progress=False))
    return content_two_tower(data, [text], dim=4, seed=2)


def test_contributions_sum_to_the_score_less_that_of_the_baseline(model, encoder):
    attribution = TokenAttribution(model, encoder, TEXTS, steps=256)
    _, contributions = attribution.of_tokens(0, TEXTS[0])
    tokens = encoder.tokenizer(tf.constant([TEXTS[0]]))
    layer = encoder.language_model.token_vectors
    with perturb_outputs([layer]) as outputs:
        score = attribution._scores(0, encoder(tokens))
    with perturb_outputs([layer], deltas=[-outputs[0]]):
        baseline = attribution._scores(0, encoder(tokens))
    assert contributions.sum() == pytest.approx(float(score[0] - baseline[0]), rel=0.02)
    assert abs(float(score[0] - baseline[0])) > 0.01


def test_pieces_of_a_word_are_one_word_and_marks_are_none(model, encoder):
    attribution = TokenAttribution(model, encoder, TEXTS)
    ids, contributions = attribution.of_tokens(1, TEXTS[0])
    assert ids.tolist() == [2, 5, 6, 7, 3]  # [CLS] the god ##father [SEP]
    words = dict(attribution(1, 0))
    assert set(words) == {"the", "godfather"}
    assert words["godfather"] == pytest.approx(contributions[2] + contributions[3], rel=1e-5)
    values = list(words.values())
    assert values == sorted(values, reverse=True)
    assert attribution(1, 3) == []  # an empty text


def test_an_explanation_carries_the_words(model, encoder):
    found = explain(model, "ann", 1, attribute=TokenAttribution(model, encoder, TEXTS))
    assert {word for word, _ in found.words} == {"the", "godfather"}


def test_bad_arguments_are_named(model, encoder):
    with pytest.raises(ValueError, match="`texts` should hold 4 texts"):
        TokenAttribution(model, encoder, TEXTS[:2])
    with pytest.raises(ValueError, match="`steps` should be >= 1"):
        TokenAttribution(model, encoder, TEXTS, steps=0)
    with pytest.raises(ValueError, match="`text` should be one of"):
        TokenAttribution(model, encoder, TEXTS, text="sound")
