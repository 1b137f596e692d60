from advrec_tf.commands.table_formats import TableColumns, TableFormat


def test_only_what_was_given_reaches_the_reader():
    assert TableFormat().given() == {}
    given = TableFormat(user_column="u", missing=("-",), unrated=0.0, keep_missing=True)
    assert given.given() == {
        "user_column": "u",
        "missing": ["-"],
        "unrated": 0.0,
        "keep_missing": True,
    }


def test_a_table_knows_which_part_is_of_the_file_and_which_of_its_columns():
    columns = TableColumns(separator=";", missing=("-",), date=("when",), label="bought")
    assert columns.file_format() == {"separator": ";", "missing": ["-"]}
