import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.frames import from_frame
from advrec_tf.data.readers.loading import load

EVENTS = pd.DataFrame(
    {
        "user_id": ["u", "v", "u", "w"],
        "item_id": [1, 2, 3, 1],
        "hour": [9, 17, 9, 23],
        "device": ["tv", None, "phone", "tv"],
    }
)
USERS = pd.DataFrame(
    {"user_id": ["w", "u", "x"], "age": [40.0, 20.0, 99.0], "job": ["a", "b", "c"]}
)
ITEMS = pd.DataFrame({"item_id": [3, 2, 1], "genres": ["A|B", None, "B"], "price": [3.5, 2.0, 1.0]})
CONTEXT = ["hour", "device"]


def check(loaded):
    data = loaded.interactions
    assert data.user_features["age"].iloc[[0, 2]].tolist() == [20, 40]
    assert data.user_features["age"].isna().tolist() == [False, True, False]
    assert data.item_features["price"].tolist() == [1, 2, 3.5]
    assert data.item_features["genres"].isna().tolist() == [False, True, False]
    assert data.context["hour"].tolist() == [9, 17, 9, 23]
    assert data.context["device"].isna().tolist() == [False, True, False, False]
    kinds = {c.name: c.kind for c in (*data.schema.user, *data.schema.item, *data.schema.context)}
    assert kinds["genres"] == "sequence" and kinds["hour"] == "category"
    noticed = {what: count.number for what, count in loaded.report.noticed.items()}
    assert noticed["user table: id without a row"] == 1
    assert noticed["user table: row of an id without interactions, left out"] == 1
    assert "hour (category), device (category)" in loaded.report.notes[-1]


SETTINGS = {"context_columns": CONTEXT, "kinds": {"hour": "category"}}


def test_frames_are_joined_by_id():
    check(from_frame(EVENTS, users=USERS, items=ITEMS, **SETTINGS))
    by_index = USERS.set_index("user_id")
    check(from_frame(EVENTS, users=by_index, items=ITEMS, **SETTINGS))


def test_arrow_tables_are_joined_by_id():
    import pyarrow as pa

    events, users, items = (pa.Table.from_pandas(frame) for frame in (EVENTS, USERS, ITEMS))
    check(from_frame(events, users=users, items=items, **SETTINGS))


@pytest.mark.parametrize("quoted", [False, True])
def test_csv_files_are_joined_by_id(tmp_path, quoted):
    paths = {name: tmp_path / f"{name}.csv" for name in ("events", "users", "items")}
    for name, frame in zip(paths, (EVENTS, USERS, ITEMS), strict=True):
        frame.to_csv(paths[name], index=False, quoting=1 if quoted else 0)
    check(load(paths["events"], users=paths["users"], items=paths["items"], **SETTINGS))


def test_parquet_files_are_joined_by_id(tmp_path):
    paths = {name: tmp_path / f"{name}.parquet" for name in ("events", "users", "items")}
    for name, frame in zip(paths, (EVENTS, USERS, ITEMS), strict=True):
        frame.to_parquet(paths[name])
    loaded = load(paths["events"], users=paths["users"], items=paths["items"], **SETTINGS)
    check(loaded)
    loaded.interactions.to_parquet(tmp_path / "again.parquet")
    again = load(tmp_path / "again.parquet", context_columns=CONTEXT).interactions
    assert again.context["hour"].tolist() == [9, 17, 9, 23]


def test_dates_of_a_file_are_times(tmp_path):
    users, events = tmp_path / "users.csv", tmp_path / "events.csv"
    users.write_text("id,since\nu,2024-05-01\nv,\nw,2023-01-01T10:00:00\n")
    EVENTS.to_csv(events, index=False)
    data = load(events, users=users, user_table_id="id").interactions
    assert data.schema.user[0].kind == "time"


def test_parts_of_a_split_code_the_context_alike():
    events = pd.DataFrame(
        {"user_id": [1, 1, 1, 2, 2, 2], "item_id": [1, 2, 3, 3, 2, 1], "device": list("abcabd")}
    )
    split = from_frame(events, context_columns=["device"]).split("last_item")
    assert split.test.context["device"].tolist() == ["c", "d"]
    assert split.test.schema.context == split.train.schema.context
    assert split.test.schema.context[0].encoded(split.test.context["device"]).tolist() == [2, 3]
    assert split.everything().context["device"].tolist() == list("aabbcd")
    features = events.assign(device=1)
    other = from_frame(features, context_columns=["device"]).interactions
    whole = split.everything()
    assert whole.fingerprint_of_features() != other.fingerprint_of_features()


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"users": USERS.rename(columns={"user_id": "id"})},
            "table of users, header: .* 'user_id'.* `user_table_id` names the column of its ids",
        ),
        ({"users": pd.concat([USERS, USERS])}, "row 3, .* one row an id \\(its first is row 0"),
        ({"users": USERS[["user_id"]]}, "a column beside 'user_id'"),
        ({"items": ITEMS.assign(item_id=[7, 8, 9])}, r"such as \[1, 2, 3\].*`item_table_id`"),
        ({"context_columns": ["place"]}, "expected a column 'place'"),
        ({"context_columns": ["user_id"]}, "`context_columns` should hold names of columns other"),
        ({"kinds": {"age": "number"}}, "which are none"),
        ({"users": USERS, "kinds": {"age": "years"}}, "age=years"),
        ({"users": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_what_cannot_be_joined_is_refused(settings, message):
    with pytest.raises((DataError, ValueError, FileNotFoundError), match=message):
        from_frame(EVENTS, **settings)


def test_a_file_whose_rows_are_shifted_is_refused_with_its_line(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\n1,5\n2,6,7\n")
    with pytest.raises(DataError, match="items.csv, line 3: expected 2 fields"):
        from_frame(EVENTS, items=path)


def test_rows_without_an_id_are_counted():
    users = USERS.assign(user_id=["w", None, "u"])
    noticed = from_frame(EVENTS, users=users).report.noticed
    count = noticed["user table: row without an id, left out"]
    assert (count.number, count.first) == (1, 1)
    assert np.isclose(from_frame(EVENTS, users=users).interactions.user_features["age"][2], 40)


def test_columns_of_side_tables_and_context_are_read_in_their_notation_and_it_is_said(tmp_path):
    events, items = tmp_path / "events.csv", tmp_path / "items.csv"
    events.write_text('user_id,item_id,paid\na,x,"1,50"\nb,y,"2,25"\na,y,-\n')
    items.write_text("item_id,price,code,since\nx,$5,007,31.12.2023\ny,?,012,01.05.2024\n")
    loaded = load(events, items=items, context_columns=["paid"])
    data = loaded.interactions
    np.testing.assert_array_equal(data.context["paid"], [1.5, 2.25, np.nan])
    np.testing.assert_array_equal(data.item_features["price"], [5.0, np.nan])
    assert data.item_features["code"].tolist() == ["007", "012"]
    assert data.item_features["since"].dt.day.tolist() == [31, 1]
    notes = "\n".join(loaded.report.notes)
    assert "paid: '-' 1 taken for missing" in notes
    assert "table of items, code: category, since some start with a zero" in notes
    items.write_text("item_id,price\nx,5\ny,6\nz,cheap\n")
    with pytest.raises(DataError, match="items.csv, line 4, column 'price': expected a number"):
        load(events, items=items)
    kept = load(events, items=items, kinds={"price": "category"}).interactions
    assert kept.item_features["price"].tolist() == ["5", "6"]


def test_marks_of_the_interactions_hold_in_the_file_of_their_users_too(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("user_id,age\nnull,30\nu,-9\n")
    events = pd.DataFrame({"user_id": ["null", "u"], "item_id": [1, 2]})
    settings = {"users": path, "kinds": {"age": "number"}}
    kept = from_frame(events, keep_missing=True, missing=["-9"], **settings)
    np.testing.assert_array_equal(kept.interactions.user_features["age"], [30, np.nan])
