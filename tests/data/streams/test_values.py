import datetime

import pyarrow as pa
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.values import as_array, as_kinds, kind_of


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.int8(), "int"),
        (pa.uint32(), "int"),
        (pa.float32(), "float"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.bool_(), "bool"),
        (pa.date32(), "time"),
        (pa.timestamp("ns", "UTC"), "time"),
        (pa.list_(pa.int64()), None),
        (pa.binary(), None),
    ],
)
def test_a_type_of_arrow_has_one_kind(kind, expected):
    assert kind_of(kind) == expected


def test_times_are_seconds_since_1970_whatever_their_unit_and_zone():
    moment = datetime.datetime(1970, 1, 1, 0, 0, 2, 500_000, datetime.timezone.utc)
    table = pa.table({"at": pa.array([moment, None], pa.timestamp("ms", "Europe/Berlin"))})
    found = as_array(as_kinds(table, {"at": "time"})["at"], "at", "time")
    assert found[0] == 2.5 and found[1] != found[1]


def test_a_missing_boolean_is_refused_with_the_way_out():
    with pytest.raises(DataError, match="'flag'.*a boolean has none.*'float'"):
        as_array(pa.chunked_array([[True, None]]), "flag", "bool")
