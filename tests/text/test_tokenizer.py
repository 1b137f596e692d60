import pytest
import tensorflow as tf

from advrec_tf.text.tokenizer import LanguageTokenizer

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

CLS, SEP, UNK = 2, 3, 1
THE, GOD, FATHER, MATRIX, AMELIE = 5, 6, 7, 8, 9


def test_words_become_pieces_between_start_and_end(tiny_tokenizer):
    tokens = LanguageTokenizer(tiny_tokenizer)(tf.constant(["The Godfather", "Matrix", "Zorro"]))
    assert tokens["token_ids"].numpy().tolist() == [
        [CLS, THE, GOD, FATHER, SEP],
        [CLS, MATRIX, SEP, 0, 0],
        [CLS, UNK, SEP, 0, 0],
    ]
    assert tokens["padding_mask"].numpy().tolist() == [
        [1, 1, 1, 1, 1],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 0, 0],
    ]
    assert tokens["token_ids"].dtype == tokens["padding_mask"].dtype == tf.int32


def test_accents_make_no_difference(tiny_tokenizer):
    tokens = LanguageTokenizer(tiny_tokenizer)(tf.constant(["Amélie", "Amelie", "AMÉLIE"]))
    assert tokens["token_ids"].numpy().tolist() == [[CLS, AMELIE, SEP]] * 3


def test_texts_of_one_length_are_read_where_functions_run_eagerly(tiny_tokenizer, eagerly):
    tokens = LanguageTokenizer(tiny_tokenizer)(tf.constant(["the", "matrix"]))
    assert tokens["token_ids"].numpy().tolist() == [[CLS, THE, SEP], [CLS, MATRIX, SEP]]


def test_a_text_of_nothing_is_start_and_end(tiny_tokenizer):
    tokens = LanguageTokenizer(tiny_tokenizer)(tf.constant(["", " \n\t"]))
    assert tokens["token_ids"].numpy().tolist() == [[CLS, SEP]] * 2
    assert tokens["padding_mask"].numpy().tolist() == [[1, 1]] * 2


def test_what_is_too_long_is_cut_before_the_end_token_and_counted(tiny_tokenizer):
    tokenizer = LanguageTokenizer(tiny_tokenizer, max_length=4)
    texts = ["the matrix", "the matrix the", "the godfather the"]
    assert tokenizer(texts)["token_ids"].numpy().tolist() == [
        [CLS, THE, MATRIX, SEP],
        [CLS, THE, MATRIX, SEP],
        [CLS, THE, GOD, SEP],
    ]
    assert tokenizer.lengths(texts).numpy().tolist() == [4, 5, 6]
    assert tokenizer.num_truncated(texts) == 2


def test_the_shape_is_static_where_asked_for(tiny_tokenizer):
    tokenizer = LanguageTokenizer(tiny_tokenizer, max_length=5)
    data = tf.data.Dataset.from_tensor_slices(["the", "matrix"]).batch(2)
    tokens = data.map(lambda texts: tokenizer(texts, pad_to_max=True))
    assert tokens.element_spec["token_ids"].shape[1] == 5
    (batch,) = tokens
    assert batch["token_ids"].numpy().tolist() == [[CLS, THE, SEP, 0, 0], [CLS, MATRIX, SEP, 0, 0]]
    assert batch["padding_mask"].numpy().tolist() == [[1, 1, 1, 0, 0]] * 2


def test_an_empty_batch_has_no_rows(tiny_tokenizer):
    tokens = LanguageTokenizer(tiny_tokenizer)(tf.constant([], tf.string))
    assert tokens["token_ids"].shape[0] == tokens["padding_mask"].shape[0] == 0


def test_byte_pairs_of_gpt_2_stand_between_its_one_special_token():
    vocabulary = {"<|endoftext|>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4}
    byte_pairs = keras_hub.models.GPT2Tokenizer(vocabulary=vocabulary, merges=["a b"])
    data = tf.data.Dataset.from_tensors(["ab a", "b"]).map(LanguageTokenizer(byte_pairs))
    (tokens,) = data
    assert tokens["token_ids"].numpy().tolist() == [[0, 3, 4, 1, 0], [0, 2, 0, 0, 0]]
    assert tokens["padding_mask"].numpy().tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]


@pytest.mark.parametrize("max_length", [2, 0, -1])
def test_a_length_without_room_for_text_is_refused(tiny_tokenizer, max_length):
    with pytest.raises(ValueError, match=f"`max_length` should be >= 3. Received: {max_length}"):
        LanguageTokenizer(tiny_tokenizer, max_length=max_length)


def test_a_tokenizer_without_special_tokens_is_refused():
    plain = keras_hub.tokenizers.WordPieceTokenizer(vocabulary=["[UNK]", "a"])
    with pytest.raises(ValueError, match="`tokenizer` should have a start and an end token"):
        LanguageTokenizer(plain)
