"""Fixtures shared by all rooms."""

import gc
import os
import sys
from pathlib import Path

# Before TensorFlow and scikit-learn load: what is compiled in a test runs for milliseconds, so the
# compiler's passes cost more than they save.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# Threads of scikit-learn wait for one another in a loop, ten times as long as the work takes where
# several workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

import advrec_tf  # noqa: F401  (before any tf.keras: it selects Keras 2)
from tests.tracing import make_graphs_lighter, run_eagerly

REPOSITORY = Path(__file__).resolve().parents[1]

LONGEST = (
    "pipelines/recommend/test_job.py",  # trains what two other files read
    "test_documentation.py",
    "training/test_wrap_any_model.py",
    "commands/test_table.py",
    "commands/test_train.py",
    "training/test_servers.py",
)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The directory of published data sets: ADVREC_DATA, else ../shared/data beside the
    repository. Tests that need it are skipped where it is absent."""
    root = Path(os.environ.get("ADVREC_DATA") or REPOSITORY.parent / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no published data sets in {root} (set ADVREC_DATA to their directory)")
    return root


@pytest.fixture
def eagerly():
    """See `run_eagerly`."""
    with run_eagerly():
        yield


SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@pytest.fixture(scope="session")
def make_text_tower():
    """words -> a `LanguageModelTower` over a tiny BERT that knows them, its weights random and
    the same each time; skips where the extra `text` is missing."""
    keras_hub = pytest.importorskip("keras_hub", reason="needs the extra `text`")
    pytest.importorskip("tensorflow_text", reason="needs the extra `text`")
    from advrec_tf.text.language_layer import LanguageModelLayer
    from advrec_tf.text.language_model import LanguageModelTower
    from advrec_tf.text.tokenizer import LanguageTokenizer

    def make(
        words,
        *,
        blocks=1,
        width=8,
        max_length=8,
        scale=0.4,
        strategy="frozen",
        dropout=False,
        **head,
    ):
        vocabulary = [*SPECIAL_TOKENS, *words]
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=len(vocabulary),
            num_layers=blocks,
            num_heads=2,
            hidden_dim=width,
            intermediate_dim=2 * width,
            max_sequence_length=max_length,
        )
        rng = np.random.default_rng(0)
        for weight in backbone.weights:
            weight.assign(rng.normal(scale=scale, size=weight.shape))
        tokenizer = keras_hub.models.BertTokenizer(vocabulary, lowercase=True, strip_accents=True)
        return LanguageModelTower(
            LanguageModelLayer(backbone, strategy=strategy, dropout=dropout),
            LanguageTokenizer(tokenizer, max_length=max_length),
            **head,
        )

    return make


def pytest_collection_modifyitems(items):
    """What takes longest comes first, or one worker would be alone with it at the end."""

    def comes_later(item):
        place = item.path.relative_to(REPOSITORY / "tests").as_posix()
        return place not in LONGEST

    items.sort(key=comes_later)


def pytest_collection_finish(session):
    """What the imports made stays to the end, so that no collection of garbage, and each stage of
    a run asks for one, walks over its millions of objects again. With --slow graphs are as a user
    has them."""
    gc.collect()
    gc.freeze()
    if "tensorflow" in sys.modules and session.config.option.markexpr == "not slow":
        make_graphs_lighter()
