"""A tiny language model with random weights, in the two formats of a folder."""

import json

import numpy as np
import pytest

VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),  # 0 to 4
    *("the", "god", "##father", "matrix", "amelie", "space", "."),  # 5 to 11
]
LAYERS, HEADS, WIDTH, INNER, POSITIONS = 2, 2, 16, 32, 12


def write_hugging_face(folder, backbone):
    """The weights of a BertBackbone under the names and shapes of Hugging Face."""
    from safetensors.numpy import save_file

    weights = {weight.path: np.asarray(weight) for weight in backbone.weights}
    tensors = {
        "embeddings.word_embeddings.weight": weights["token_embedding/embeddings"],
        "embeddings.position_embeddings.weight": weights["position_embedding/embeddings"],
        "embeddings.token_type_embeddings.weight": weights["segment_embedding/embeddings"],
        "embeddings.LayerNorm.weight": weights["embeddings_layer_norm/gamma"],
        "embeddings.LayerNorm.bias": weights["embeddings_layer_norm/beta"],
        "pooler.dense.weight": weights["pooled_dense/kernel"].T,
        "pooler.dense.bias": weights["pooled_dense/bias"],
    }
    dense = {
        "attention.self.query": "self_attention_layer/query",
        "attention.self.key": "self_attention_layer/key",
        "attention.self.value": "self_attention_layer/value",
        "attention.output.dense": "self_attention_layer/attention_output",
        "intermediate.dense": "feedforward_intermediate_dense",
        "output.dense": "feedforward_output_dense",
    }
    norm = {
        "attention.output.LayerNorm": "self_attention_layer_norm",
        "output.LayerNorm": "feedforward_layer_norm",
    }
    for i in range(LAYERS):
        here, there = f"transformer_layer_{i}", f"encoder.layer.{i}"
        for theirs, ours in dense.items():
            kernel, bias = weights[f"{here}/{ours}/kernel"], weights[f"{here}/{ours}/bias"]
            tensors[f"{there}.{theirs}.weight"] = kernel.reshape(-1, bias.size).T
            tensors[f"{there}.{theirs}.bias"] = bias.reshape(-1)
        for theirs, ours in norm.items():
            tensors[f"{there}.{theirs}.weight"] = weights[f"{here}/{ours}/gamma"]
            tensors[f"{there}.{theirs}.bias"] = weights[f"{here}/{ours}/beta"]
    save_file(
        {k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "model.safetensors"
    )
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(VOCABULARY),
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    return folder


@pytest.fixture(scope="session")
def tiny_backbone():
    """() -> a BertBackbone of two layers whose every weight is random, the same each time."""
    keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
    pytest.importorskip("tensorflow_text", reason="needs the extra `text`")

    def build(**kwargs):
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=len(VOCABULARY),
            num_layers=LAYERS,
            num_heads=HEADS,
            hidden_dim=WIDTH,
            intermediate_dim=INNER,
            max_sequence_length=POSITIONS,
            **kwargs,
        )
        rng = np.random.default_rng(0)
        for weight in backbone.weights:
            weight.assign(rng.normal(scale=0.3, size=weight.shape))
        return backbone

    return build


@pytest.fixture(scope="session")
def tiny_tokenizer():
    keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
    pytest.importorskip("tensorflow_text", reason="needs the extra `text`")
    return keras_hub.models.BertTokenizer(vocabulary=VOCABULARY, lowercase=True, strip_accents=True)


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory, tiny_backbone):
    """As keras-hub saves it, with a tokenizer that lower-cases and leaves accents alone."""
    import keras_hub

    folder = tmp_path_factory.mktemp("hub")
    tiny_backbone().save_to_preset(str(folder))
    tokenizer = keras_hub.models.BertTokenizer(vocabulary=VOCABULARY, lowercase=True)
    tokenizer.save_to_preset(str(folder))
    return folder


@pytest.fixture(scope="session")
def hugging_face_folder(tmp_path_factory, tiny_backbone):
    """The same model; no tokenizer_config.json."""
    pytest.importorskip("safetensors", reason="needs the extra `text`")
    return write_hugging_face(tmp_path_factory.mktemp("hugging_face"), tiny_backbone())
