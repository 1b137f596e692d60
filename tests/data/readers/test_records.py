import pytest

from advrec_tf.data.readers import records, tables
from advrec_tf.data.readers.files import DataError


def write(tmp_path, content, name="rows.csv"):
    path = tmp_path / name
    path.write_text(content)
    return path


def refusal(path, **settings):
    with pytest.raises(DataError) as caught:
        tables.read_table(path, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "header", "separator"),
    [
        ("a.csv", "a\tb", "\t"),
        ("a.tsv", "a,b", ","),
        ("a.csv", "a;b", ";"),
        ("a.txt", "a|b", "|"),
        ("a.tsv.gz", "a\tb,c", "\t"),
        ("a.csv", "a\tb,c", ","),
        ("a.csv", "a;b,c", ","),
        ("a.tab", "a", "\t"),
    ],
)
def test_the_separator_is_the_one_that_the_first_line_holds(name, header, separator):
    assert records.separator_of(name, header) == separator


def test_a_separator_that_is_a_quote_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`separator` should be"):
        tables.read_table(write(tmp_path, "user_id,item_id\n"), separator='"')


def test_a_line_that_repeats_the_header_is_left_out_and_counted(tmp_path):
    path = write(tmp_path, "user_id,item_id\na,x\nb,y\nuser_id,item_id\nc,x\nuser_id,item_id\n")
    loaded = tables.read_table(path)
    assert loaded.interactions.users.ids.tolist() == ["a", "b", "c"]
    assert tuple(loaded.report.left_out["line that repeats the header"]) == (2, 4)
    assert loaded.report.rows_read == 5 and loaded.report.rows_kept == 3


def test_a_field_and_a_line_have_a_limit_that_the_error_names(tmp_path):
    path = write(tmp_path, "user_id,item_id,title\na,x,word word\nb,y,w\n")
    settings = {"item_text_column": "title"}
    text = refusal(path, max_text=8, **settings)
    assert "line 2: expected fields of at most 8 characters, which is `max_text`" in text
    assert len(tables.read_table(path, max_text=9, **settings).interactions) == 2
    long = write(tmp_path, "user_id,item_id\n" + "a" * 33 * 20 + ",x\n")
    assert "line 2: expected a line of at most 640 characters" in refusal(long, max_text=20)


def test_a_header_of_too_many_columns_is_refused(tmp_path):
    header = ",".join(str(i) for i in range(records.MAX_COLUMNS + 1))
    assert "expected at most 16,384 columns" in refusal(write(tmp_path, header + "\n"))


def test_user_and_item_are_two_columns(tmp_path):
    with pytest.raises(ValueError, match="`user_column` and `item_column`.*'user_id' for both"):
        tables.read_table(write(tmp_path, "user_id\na\nb\n"), item_column="user_id")


def test_an_unknown_setting_is_named_beside_those_there_are(tmp_path):
    with pytest.raises(ValueError, match="among user_column, item_column.*Received: colour"):
        tables.read_table(write(tmp_path, "user_id,item_id\n"), colour=1)


def test_quotes_inside_a_field_may_be_escaped_by_a_backslash(tmp_path):
    path = write(tmp_path, 'user_id;item_id;title\na;x;"Say \\"hi\\""\nb;y;"B"\n')
    assert "line 2: expected fields with closed quotes" in refusal(path)
    assert "name it by `escape`" in refusal(path)
    loaded = tables.read_table(path, item_text_column="title", escape="\\")
    assert loaded.interactions.item_text.tolist() == ['Say "hi"', "B"]
    with pytest.raises(ValueError, match="`escape` should be one character"):
        tables.read_table(path, escape="ab")
