"""No request ends the process: it is answered, or refused with INVALID_ARGUMENT."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.baselines import EASE
from advrec_tf.models.sequential.published import sasrec
from advrec_tf.serving import saved_model
from advrec_tf.serving.forms import export
from advrec_tf.serving.module import ServedModule
from tests import malformed

DEMO = Path(__file__).parents[2] / "saved_models" / "demo"
SIGNATURES = {
    *("serving_default", "recommend", "recommend_from_history"),
    *("recommend_from_history_restricted", "score", "score_from_history", "recommend_index"),
}


def test_the_process_outlives_malformed_requests(version):
    answer = malformed.ask(version, quick=True)
    assert answer["other"] == []
    assert set(answer["signatures"]) == SIGNATURES and min(answer["signatures"].values()) >= 5
    assert answer["answered"] and answer["refused"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vectors", "item weights", "table", "next item", "demo"])
def test_the_process_outlives_all_malformed_requests(kind, recommender, version, tmp_path):
    data = recommender.interactions
    path = {
        "vectors": lambda: version,
        "item weights": lambda: export(EASE(1.0).fit(data), tmp_path / "ease"),
        "table": lambda: export(
            MatrixRecommender(scores=np.eye(3, 5, dtype=np.float32), interactions=data),
            tmp_path / "table",
        ),
        "next item": lambda: export(sasrec(data), tmp_path / "next_item"),
        "demo": lambda: max(DEMO.iterdir(), key=lambda folder: folder.name),
    }[kind]()
    answer = malformed.ask(path)
    assert answer["other"] == []
    assert sum(answer["signatures"].values()) >= (200 if kind != "table" else 180)


class Unguarded(ServedModule):
    """What the guards of `signatures` are for: a scatter at places of the wrong rank."""

    def serving_default(self, item_id):
        places = tf.strings.to_hash_bucket_fast(item_id, 5)[:, None]
        return {"count": tf.scatter_nd(places, tf.ones(tf.shape(places)[:1]), [5])}

    def inputs(self):
        return {"serving_default": {"item_id": tf.TensorSpec([None], tf.string)}}

    def cases(self):
        return []

    def signatures(self):
        named = tf.TensorSpec([None], tf.string, "item_id")
        return {"serving_default": tf.function(self.serving_default).get_concrete_function(named)}


@pytest.mark.slow
def test_the_test_finds_a_graph_whose_process_ends(tmp_path):
    path = saved_model.export(Unguarded(), tmp_path / "unguarded", check=False)
    with pytest.raises(AssertionError, match="exit status -6.*(?s:.*)item_id of shape"):
        malformed.ask(path)
