import pandas as pd
import tensorflow as tf

from advrec_tf.data.features import Category, Sequence
from advrec_tf.serving.unknown_values import unknown_columns


def test_the_columns_of_a_row_with_a_strange_value_are_named():
    job = Category.fitted("job", pd.Series(["nurse", "cook"]))
    tags = Sequence.fitted("tags", pd.Series(["a|b", "b"]))
    given = {
        "job": (job, tf.constant(["cook", "pilot", ""])),
        "tags": (tags, tf.constant([["a", "z"], ["", ""], ["b", ""]])),
    }
    strange = {
        name: column.unknown(values, column.encode(values))
        for name, (column, values) in given.items()
    }
    found = unknown_columns(strange)["unknown_columns"].numpy().tolist()
    assert found == [[b"", b"tags"], [b"job", b""], [b"", b""]]  # what is missing is not strange
    assert unknown_columns({}) == {}
