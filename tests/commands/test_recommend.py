"""`advrec recommend` on an export and on a server that answers like TensorFlow Serving."""

import shutil

import pandas as pd
import pytest

import advrec_tf as ar
from advrec_tf.commands.application import main
from advrec_tf.serving.values import printable
from tests.worlds import interactions_of

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_it_prints_a_list_from_the_folder_and_from_a_server(version, server, capsys):
    titles = str(version / "assets.extra" / "item_text.tsv")
    printed = []
    for source in (
        ["--model", str(version)],
        ["--url", server, "--name", "hand", "--titles", titles],
    ):
        main(["recommend", *source, "--user", "12", "--k", "2", "--exclude", "e"])
        printed.append([line.split() for line in capsys.readouterr().out.splitlines()])
    assert printed[0] == printed[1]
    assert printed[0][1:] == [
        ["12", "1", "d", "3.0", "Dünkel"],
        ["12", "2", "b", "1.0"] + "Bread and butter".split(),
    ]


def test_it_ends_with_the_message_of_the_model(server, capfd):
    with pytest.raises(SystemExit):
        main(["recommend", "--url", server, "--name", "hand", "--user", "11", "--k", "99"])
    assert "`--k` should be in" in capfd.readouterr().err


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("saved_model.pb", lambda v: half(v / "saved_model.pb")),
        ("saved_model.pb", lambda v: (v / "saved_model.pb").write_bytes(b"")),
        ("variables", lambda v: shutil.rmtree(v / "variables")),
        ("variables", lambda v: half(v / "variables/variables.index")),
        ("item_text.tsv", lambda v: (v / "assets.extra/item_text.tsv").write_text("no tab\n")),
        ("advrec_tf.json", lambda v: (v / "assets.extra/advrec_tf.json").write_text("{")),
        ("advrec_tf.json", lambda v: (v / "assets.extra/advrec_tf.json").unlink()),
    ],
)
def test_it_says_in_one_line_which_file_is_damaged(version, tmp_path, name, damage, capfd):
    path = shutil.copytree(version, tmp_path / "model" / "1")
    damage(path)
    with pytest.raises(SystemExit):
        main(["recommend", "--model", str(tmp_path / "model"), "--user", "11"])
    said = capfd.readouterr().err.strip()
    assert name in said and "\n" not in said and len(said) < 1000


def test_control_characters_of_a_title_are_shown_and_not_obeyed(version, tmp_path, capsys):
    path = shutil.copytree(version, tmp_path / "1")
    titles = "".join(f"{item}\t\x1b[31mred\n" for item in "abcde")
    (path / "assets.extra/item_text.tsv").write_text(titles)
    main(["recommend", "--model", str(path), "--user", "11"])
    out = capsys.readouterr().out
    assert "\x1b" not in out and r"\x1b[31mred" in out
    assert printable("Dünkel 日本\u202e\x07") == r"Dünkel 日本\u202e\x07"


@pytest.mark.parametrize("remote", [False, True])
def test_users_the_model_does_not_know_are_named(remote, version, server, capsys):
    source = ["--url", server, "--name", "hand"] if remote else ["--model", str(version)]
    main(["recommend", *source, "--user", "11", "nobody", "--k", "1"])
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert "NOTE: the model does not know nobody: to users it does not know" in shown.err
    main(["recommend", *source, "--user", "11", "--k", "1"])
    assert "NOTE" not in capsys.readouterr().err


@pytest.mark.parametrize("remote", [False, True])
def test_spaces_around_an_id_make_no_other_id(remote, version, server, capsys):
    source = ["--url", server, "--name", "hand"] if remote else ["--model", str(version)]
    main(["recommend", *source, "--user", " 12 ", "--exclude", "e ", "--k", "1"])
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split()[:3] == ["12", "1", "d"]
    assert "NOTE" not in shown.err


@pytest.mark.parametrize("remote", [False, True])
def test_unknown_items_that_are_excluded_or_allowed_are_named(remote, version, server, capfd):
    source = ["--url", server, "--name", "hand"] if remote else ["--model", str(version)]
    main(["recommend", *source, "--user", "11", "--allow", "c", "zzz", "--exclude", "yyy", "d"])
    shown = capfd.readouterr()
    assert len(shown.out.splitlines()) == 2
    notes = [line for line in shown.err.splitlines() if "know" in line]
    assert notes == [
        "NOTE: the model does not know yyy: `--exclude` leaves out nothing there.",
        "NOTE: the model does not know zzz: `--allow` lets in nothing there.",
    ]


def test_a_file_of_titles_stands_in_the_place_of_those_of_the_model(version, tmp_path, capsys):
    titles = tmp_path / "titles.tsv"
    titles.write_text("c\tCherry\n")
    main(["recommend", "--model", str(version), "--titles", str(titles), "--user", "11"])
    assert "Cherry" in capsys.readouterr().out


def test_it_takes_a_history(version, capsys):
    main(["recommend", "--model", str(version), "--history", "zebra"])
    shown = capsys.readouterr()
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[0][:2] == ["rank", "item_id"]
    assert [line[1] for line in lines[1:]] == ["d", "c", "b"]
    assert "NOTE: the model does not know zebra: the list is that of a user" in shown.err
    main(["recommend", "--model", str(version), "--history", "a", "zebra", "--k", "1"])
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert "NOTE: the model does not know zebra.\n" in shown.err
    with pytest.raises(SystemExit):
        main(["recommend", "--model", str(version), "--history", "a", "--k", "9"])
    assert "`--k` should be in 1..7" in capsys.readouterr().err


@pytest.mark.parametrize("remote", [False, True])
def test_a_history_goes_with_excluded_and_allowed_items(remote, version, server, capsys):
    source = ["--url", server, "--name", "hand"] if remote else ["--model", str(version)]
    history = ["recommend", *source, "--history", "a"]
    main([*history, "--allow", "c", "d", "e", "zzz", "--exclude", "d", "--k", "7"])
    shown = capsys.readouterr()
    assert {line.split()[1] for line in shown.out.splitlines()[1:]} == {"c", "e"}
    assert "NOTE: the model does not know zzz: `--allow` lets in nothing there." in shown.err


def test_a_value_of_a_column_that_the_model_does_not_know_is_said(tmp_path, capsys):
    users = pd.DataFrame({"job": ["nurse", "cook"]})
    data = interactions_of([(0, 0), (1, 1)], 2, 3, user_features=users)
    model = ar.models.two_tower(data, embedding_dim=2, use_features=True)
    path = ar.serving.export(model, tmp_path, check=False)
    main(["recommend", "--model", str(path), "--feature", "job=pilot"])
    said = " ".join(capsys.readouterr().err.split())
    assert "NOTE: Of `--feature` the model does not know what stands in job" in said
    main(["recommend", "--model", str(path), "--feature", "job=cook"])
    assert "NOTE" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (["11"], "`user_ids` should be left out: the model has no vectors of users"),
        (["11", "12"], "`--user` should be one id beside `--history`. Received: 11, 12"),
    ],
)
def test_whose_a_history_is_is_said_to_models_that_read_it(version, users, message, capsys):
    with pytest.raises(SystemExit):
        main(["recommend", "--model", str(version), "--history", "a", "--user", *users])
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (["age"], "`--feature` should be COLUMN=VALUE. Received: age"),
        (["age=3"], "The model takes no columns of users. A two-tower model"),
        (["age=3", "--user", "11"], "`--feature` should be given without `--user`"),
        (["age=3", "--history", "a"], "Received: `--history`, too"),
    ],
)
def test_features_of_a_new_user_are_refused_where_they_cannot_be_used(
    version, feature, message, capfd
):
    with pytest.raises(SystemExit):
        main(["recommend", "--model", str(version.parent), "--feature", *feature])
    assert message in capfd.readouterr().err
