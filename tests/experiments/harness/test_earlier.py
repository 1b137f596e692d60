from experiments.harness import earlier

OLD = {"command": "old", "version": "1"}


def joined(found, before, made_by=OLD):
    return earlier.with_others(
        found,
        before,
        made_by,
        rows="rows",
        same_data=lambda one, other: one["data"] == other["data"],
    )


def test_a_run_replaces_its_rows_alone_and_the_others_say_what_made_them():
    before = {
        "a": {"data": 1, "rows": {"x": {"v": 1}, "y": {"v": 1}}},
        "b": {"data": 2, "rows": {}},
    }
    found = joined({"a": {"data": 1, "rows": {"y": {"v": 2}}}}, before)
    made_by = {"command": "old", "version": "1"}
    assert found == {
        "a": {"data": 1, "rows": {"y": {"v": 2}, "x": {"v": 1, "made_by": made_by}}},
        "b": {"data": 2, "rows": {}, "made_by": made_by},
    }
    later = joined({}, found, {"command": "new"})
    assert later["a"]["made_by"] == {"command": "new"} and later["b"]["made_by"] == made_by
    assert later["a"]["rows"]["x"]["made_by"] == made_by
    assert "made_by" not in before["b"]  # nothing given is altered


def test_rows_of_other_data_do_not_stay():
    before = {"a": {"data": 1, "rows": {"x": {}}}}
    run = {"a": {"data": 2, "rows": {"y": {}}}}
    assert joined(run, before) == run


def test_what_made_sections_and_rows_is_said_once_for_each():
    assert earlier.section_lines({"rows": {}}) == []
    old = {"command": "one", "version": "1"}
    assert earlier.section_lines({"made_by": old}) == [
        "",
        "Made earlier, by `one` of version 1.",
    ]
    rows = {
        "x": {"made_by": old},
        "y": {},
        "z": {"made_by": {"command": "two"}},
        "w": {"made_by": old},
    }
    assert earlier.row_lines(rows) == [
        "",
        "Rows made earlier, by `one` of version 1: x; w.",
        "",
        "Rows made earlier, by `two`: z.",
    ]


def test_the_maker_of_a_report_without_a_version_is_its_command():
    assert earlier.maker({"command": "c", "about": {"version": "2"}}) == {
        "command": "c",
        "version": "2",
    }
    assert earlier.maker({"command": "c"}) == {"command": "c", "version": None}
    assert earlier.noted({"a": 1}, {"note": "n"}) == {"a": 1, "note": "n"}
    assert earlier.noted({"note": "own"}, {"note": "n"}) == {"note": "own"}
