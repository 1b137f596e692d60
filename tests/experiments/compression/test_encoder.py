import numpy as np

import advrec_tf as ar
from experiments.compression import encoder
from tests.worlds import tiny_world


def test_items_are_ranked_by_the_vectors_of_either_with_one_projection(make_text_tower):
    split = ar.data.splits.last_item(tiny_world(20, 12, density=0.4))
    frozen = make_text_tower(["the"], width=8, dim=4)
    plain = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    vectors = {encoder.FLOAT: plain, "the same": plain, "turned": -plain}
    found = encoder.ranked(split, frozen, vectors, epochs=1, seed=0)
    assert found[encoder.FLOAT] == found["the same"] != found["turned"]


def test_the_page_says_what_was_saved_and_lost():
    rows = [
        {"weights": "float32", "bytes": 90e6, "cosine": 1.0, "least_cosine": 1.0}
        | {"seconds": 2.0, "ndcg": [0.04, 0.06]},
        {"weights": "int8", "bytes": 23e6, "cosine": 0.99, "least_cosine": 0.9}
        | {"seconds": 8.0, "ndcg": [0.049, 0.049]},
    ]
    report = {"name": "films", "command": "python", "about": {"items": 7}, "rows": rows}
    text = encoder.markdown(report, None)
    assert "| float32 | 90.0 | 1.0000 | 1.0000 | 2.0 | 0.0500 (0.0100) |" in text
    assert "| int8 | 23.0 | 0.9900 | 0.9000 | 8.0 | 0.0490 (0.0000) |" in text
    assert "int8 weights change NDCG@10 by -2.00%." in text
