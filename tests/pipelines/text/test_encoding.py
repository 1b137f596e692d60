import json

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.pipelines.text.encoding import encode_table
from advrec_tf.text.cache import fingerprint

COLUMNS = {"id_column": "item", "text_column": "title"}


@pytest.fixture
def tower(make_text_tower):
    return make_text_tower(["the", "matrix", "heat"], max_length=4)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text('item,year,title\n007,1999,"Matrix, The"\nx,1995,\n9,1995,NA\n', "utf-8")
    return path


def test_the_file_holds_the_vectors_of_the_table(tower, table, tmp_path):
    out = tmp_path / "new" / "vectors.npz"
    counts = encode_table(tower, table, out, cache=tmp_path / "cache", **COLUMNS)
    # [CLS] matrix , the [SEP]: five tokens and room for four
    assert counts == {"texts": 3, "without_text": 1, "cut": 1, "dim": 8}
    with np.load(out) as kept:
        assert kept["ids"].tolist() == ["007", "x", "9"]
        expected = tower(tf.constant(["Matrix, The", "", "NA"]))
        np.testing.assert_allclose(kept["vectors"], expected, atol=1e-5)
        assert json.loads(str(kept["notes"])) == {"tower": fingerprint(tower)}
    assert [path.name for path in out.parent.iterdir()] == ["vectors.npz"]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_an_output_that_is_no_npz_is_refused(tower, table, tmp_path):
    with pytest.raises(ValueError, match="`out` should end in .npz"):
        encode_table(tower, table, tmp_path / "vectors.csv", **COLUMNS)
