import pytest

from advrec_tf.data.readers.notations.dates import DateNotation
from advrec_tf.data.readers.notations.find_dates import DateCounts, orders_of
from advrec_tf.data.readers.notations.find_numbers import shape_of


def counted(*texts):
    counts = DateCounts()
    for text in texts:
        counts.add(text, 1, orders_of(shape_of(text)))
    return counts


@pytest.mark.parametrize(
    ("texts", "notation"),
    [
        (("2024-05-01", "2023-12-31"), DateNotation()),
        (("13/02/2024", "03/04/2024"), DateNotation(order="%d/%m/%Y")),
        (("02/13/2024", "03/04/2024"), DateNotation(order="%m/%d/%Y")),
        (("1.5.2024", "31.12.2024"), DateNotation(order="%d.%m.%Y", bare=True)),
        (("31.12.99", "01.05.24"), DateNotation(order="%d.%m.%y")),
        (("1 May 2024", "12 June 2024"), DateNotation(order="%d %b %Y", bare=True, month="%B")),
        (("01-MAY-2024", "12-JUN-2024"), DateNotation(order="%d-%b-%Y", month="%^b")),
        (("2024-05-01T13:00:00Z",), DateNotation(gap="T", zone="Z")),
        (("2024-05-01T13:00:00.5",), DateNotation(gap="T", fraction=1)),
        (("2024-05-01 13:05",), DateNotation(gap=" ", seconds=False)),
        (
            ("5/31/24 1:05 PM", "12/31/24 12:00 AM"),
            DateNotation(
                order="%m/%d/%y", bare=True, bare_hour=True, gap=" ", seconds=False, half=" AM"
            ),
        ),
    ],
)
def test_the_order_is_the_one_in_which_every_value_is_a_day(texts, notation):
    counts = counted(*texts)
    (order,) = counts.best()
    assert counts.rows[order] == len(texts)
    assert counts.notation(order) == notation


def test_where_day_and_month_cannot_be_told_apart_slashes_have_the_month_first():
    assert counted("01/02/2024").best() == ("%m/%d/%Y", "%d/%m/%Y")
    assert counted("01.02.2024").best() == ("%d.%m.%Y", "%m.%d.%Y")
    assert counted("01/02/2024").best(day_first=True) == ("%d/%m/%Y",)
    assert counted("01.02.2024").best(day_first=False) == ("%m.%d.%Y",)


@pytest.mark.parametrize("text", ["1.2.10", "13:05", "555-1234", "192.168.1.1", "2024", "99-99-99"])
def test_versions_times_and_numbers_are_no_dates(text):
    assert counted(text).best() == ()
