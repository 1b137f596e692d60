import hashlib

import numpy as np
import pandas as pd
import pytest

from advrec_tf.ops.fingerprints import fingerprint_of

TABLE = pd.DataFrame({"age": [1.0, np.nan], "city": ["a", None]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((["a", "b"],), (["ab"],)),
        ((["a"], ["b"]), (["a", "b"],)),
        ((["a"],), (["b"],)),
        ((None,), ([],)),
        ((np.array([1, 2]),), (np.array([2, 1]),)),
        ((np.zeros((2, 3)),), (np.zeros((3, 2)),)),
        ((TABLE,), (TABLE.rename(columns={"age": "years"}),)),
        ((TABLE,), (TABLE.assign(city=["a", "b"]),)),
        ((TABLE,), (TABLE.assign(age=[1.0, 0.0]),)),
    ],
)
def test_other_values_have_another_fingerprint(one, other):
    assert fingerprint_of(*one) != fingerprint_of(*other)


def test_equal_values_have_one_fingerprint_whatever_the_index():
    assert fingerprint_of(TABLE) == fingerprint_of(TABLE.set_axis([7, 8]))
    assert fingerprint_of(["a"], None) == fingerprint_of(np.array(["a"], object), None)


def test_a_text_is_hashed_with_its_length():
    # one list of one text of two bytes (e with an acute accent)
    assert fingerprint_of("\u00e9") == hashlib.sha256(b"texts 1 2:\xc3\xa9").hexdigest()
