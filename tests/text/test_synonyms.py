import numpy as np
import pytest

from advrec_tf.text.language_layer import LanguageModelLayer
from advrec_tf.text.synonyms import nearest_words
from advrec_tf.text.tokenizer import LanguageTokenizer

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY += ["film", "movie", "##film", "picture", "war", "of", "1999", "battle"]
# angles of the rows from "film", in degrees; "of", "##film" and "1999" are no words to offer
ANGLES = {"film": 0, "movie": 10, "##film": 0, "picture": 30, "war": 90, "battle": 95, "of": 1}


@pytest.fixture(scope="module")
def model():
    layer = LanguageModelLayer(keras_hub.models.BertBackbone(13, 1, 1, 2, 4))
    table = np.zeros([13, 2], np.float32)
    for word, angle in ANGLES.items():
        size = 1 + VOCABULARY.index(word)  # the cosine does not see it
        table[VOCABULARY.index(word)] = size * np.array(
            [np.cos(np.radians(angle)), np.sin(np.radians(angle))]
        )
    layer.named_weights()["token_embedding/embeddings"].assign(table)
    tokenizer = keras_hub.models.BertTokenizer(VOCABULARY, lowercase=True)
    return layer, LanguageTokenizer(tokenizer)


def test_the_nearest_whole_words_by_their_angle(model):
    words = ["film", "war", "picture", "of", "unknown", "film"]
    # cos 30 = .87, cos 20 = .94, cos 60 = .5, cos 65 = .42
    assert nearest_words(*model, words, minimum=0.8) == {
        "film": ("movie", "picture"),
        "war": ("battle",),
        "picture": ("movie", "film"),
    }
    assert nearest_words(*model, ["film"], minimum=0.8, count=1) == {"film": ("movie",)}
    assert nearest_words(*model, ["war"], minimum=0.49) == {"war": ("battle", "picture")}
    assert nearest_words(*model, ["film"], minimum=0.99) == {}


@pytest.mark.parametrize("settings", [{"count": 0}, {"minimum": 1.5}])
def test_settings_out_of_range_are_refused(model, settings):
    with pytest.raises(ValueError, match="`count` should be >= 1 and `minimum` in"):
        nearest_words(*model, ["film"], **settings)
