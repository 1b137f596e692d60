"""A notation reads and writes dates alike: seconds since 1970 are worked out by NumPy."""

import numpy as np
import pytest

from advrec_tf.data.readers.notations.dates import DateNotation, since_1970

PAIRS = [
    (DateNotation(), "2024-05-01", "2024-05-01"),
    (DateNotation(), "9999-12-31", "9999-12-31"),
    (DateNotation(), "0001-01-01", "0001-01-01"),
    (DateNotation(order="%d.%m.%Y"), "01.05.2024", "2024-05-01"),
    (DateNotation(order="%d.%m.%Y", bare=True), "1.5.2024", "2024-05-01"),
    (DateNotation(order="%m/%d/%y", bare=True), "5/1/99", "1999-05-01"),
    (DateNotation(order="%Y%m%d"), "20240501", "2024-05-01"),
    (DateNotation(order="%d %b %Y", bare=True), "1 May 2024", "2024-05-01"),
    (DateNotation(order="%b %d, %Y", month="%B", bare=True), "June 1, 2024", "2024-06-01"),
    (DateNotation(order="%d-%b-%Y", month="%^b"), "01-JUN-2024", "2024-06-01"),
    (DateNotation(gap="T"), "2024-05-01T13:00:07", "2024-05-01T13:00:07"),
    (DateNotation(gap=" ", seconds=False), "2024-05-01 13:05", "2024-05-01T13:05"),
    (DateNotation(gap=" ", fraction=3), "2024-05-01 13:00:07.250", "2024-05-01T13:00:07.250"),
    (DateNotation(gap="T", zone="Z"), "2024-05-01T13:00:00Z", "2024-05-01T13:00:00"),
    (DateNotation(gap="T", zone="+02:00"), "2024-05-01T01:00:00+02:00", "2024-04-30T23:00:00"),
    (
        DateNotation(gap=" ", half=" AM", seconds=False, bare_hour=True),
        "2024-05-01 1:05 PM",
        "2024-05-01T13:05",
    ),
    (DateNotation(gap=" ", half="am", seconds=False), "2024-05-01 12:05am", "2024-05-01T00:05"),
    (DateNotation(order="%s"), "1714521600", "2024-05-01"),
    (DateNotation(order="%Q"), "1714521600250", "2024-05-01T00:00:00.250"),
]


@pytest.mark.parametrize(("notation", "text", "moment"), PAIRS, ids=[text for _, text, _ in PAIRS])
def test_a_date_is_read_and_written_alike(notation, text, moment):
    seconds = np.datetime64(moment, "ms").astype("int64") / 1000
    assert notation.read(text) == seconds
    assert notation.write(np.array([seconds, np.nan])).tolist() == [text, ""]


@pytest.mark.parametrize(
    ("notation", "text"),
    [
        (DateNotation(), "2023-02-29"),
        (DateNotation(), "0000-01-01"),
        (DateNotation(), "2024-5-1-2"),
        (DateNotation(), "2024-05-01T25:00"),
        (DateNotation(), "2024-05-01 13:05 PM"),
        (DateNotation(order="%d.%m.%Y"), "05.13.2024"),
        (DateNotation(order="%Y%m%d"), "12345678"),
        (DateNotation(order="%s"), "soon"),
    ],
)
def test_what_is_no_day_is_refused(notation, text):
    with pytest.raises(ValueError):
        notation.read(text)


def test_the_smallest_step_is_that_of_the_notation():
    assert DateNotation().unit == 86_400
    assert DateNotation(gap="T").unit == 1 and DateNotation(gap=" ", seconds=False).unit == 60
    assert DateNotation(gap="T", fraction=3).unit == pytest.approx(0.001)
    assert since_1970(1.7e9).order == "%s" and since_1970(1.7e12).unit == pytest.approx(0.001)
