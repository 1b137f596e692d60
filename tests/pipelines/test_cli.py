import argparse

import numpy as np
import pytest

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.stages import StageStore, slug


def parse(*words):
    parser = argparse.ArgumentParser()
    cli.add_data_arguments(parser)
    cli.add_run_arguments(parser)
    cli.add_settings_arguments(parser)
    return parser.parse_args(["--run-dir", "unused", *words])


def test_settings_not_given_keep_their_defaults():
    assert cli.settings_from(parse("--data", "synthetic")) == RecommenderSettings()


def test_nothing_to_resume_is_said(tmp_path, capsys):
    args = argparse.Namespace(run_dir=tmp_path / "new", resume=True)
    cli.note_resume(args)
    assert "new holds no run to resume" in capsys.readouterr().out
    StageStore(args.run_dir, {}).claim()
    cli.note_resume(args)
    assert capsys.readouterr().out == ""


def test_several_values_become_a_tuple_and_a_flag_a_truth_value():
    args = parse("--data", "synthetic", "--epsilon", "0.1", "0.3", "--use-features")
    given = cli.settings_from(args)
    assert given.epsilon == (0.1, 0.3)
    assert given.use_features is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "`epochs` should be >= 1. Received: 0."),
        (["--epsilon", "0"], "`epsilon` should be > 0"),
        (["--temperature", "nan"], "`temperature` should be > 0"),
        (["--learning-rate", "-1"], "`learning_rate` should be > 0"),
        (["--adversarial-fraction", "1.5"], "`adversarial_fraction` should be in (0, 1]"),
        (["--gan-loss", "maximin"], "`gan_loss` should be one of minimax"),
        (["--split", "half"], "`split` should be one of last_item"),
        (["--seed", "99999999999"], "`seed` should be in 0..2147483647"),
    ],
)
def test_a_setting_out_of_range_ends_the_program_with_its_name(words, message):
    with pytest.raises(SystemExit) as stop:
        cli.guarded(cli.settings_from)(parse("--data", "synthetic", *words))
    assert message in str(stop.value)


def test_a_file_that_is_not_there_ends_the_program_with_its_name(tmp_path):
    args = parse("--data", str(tmp_path / "none.csv"))
    cli.settings_from(args)
    with pytest.raises(SystemExit, match="none.csv"):
        cli.guarded(cli.load_from)(args)


def test_titles_of_an_item_table_are_attached_by_id(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id\n1,10\n1,20\n2,10\n")
    (tmp_path / "items.csv").write_text("item_id,title\n10,Ten\n20,Twenty\n30,Thirty\n")
    words = ["--data", str(tmp_path / "rows.csv"), "--item-table", str(tmp_path / "items.csv")]
    args = parse(*words, "--item-table-text", "title")
    cli.settings_from(args)
    assert cli.load_from(args).interactions.item_text.tolist() == ["Ten", "Twenty"]


def test_tables_of_users_and_items_and_the_context_are_columns_of_the_data(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id,hour\n1,10,8\n1,20,9\n2,10,10\n")
    (tmp_path / "items.csv").write_text("id,price\n10,1.5\n20,2\n")
    (tmp_path / "users.csv").write_text("user_id,age\n1,30\n2,40\n")
    words = ["--data", "rows.csv", "--item-table", "items.csv", "--user-table", "users.csv"]
    words = [str(tmp_path / word) if word.endswith(".csv") else word for word in words]
    words += ["--item-table-id", "id", "--context-column", "hour"]
    data = cli.load_from(parse(*words, "--column-kind", "hour=category", "age=number")).interactions
    assert data.item_features["price"].tolist() == [1.5, 2]
    assert [(c.name, c.kind) for c in data.schema.user] == [("age", "number")]
    assert [(c.name, c.kind) for c in data.schema.context] == [("hour", "category")]
    with pytest.raises(ValueError, match="`--column-kind` should be COLUMN=KIND. Received: hour"):
        cli.load_from(parse(*words, "--column-kind", "hour"))


def test_an_item_table_without_the_named_column_is_refused_with_the_columns_it_has(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id\n1,10\n1,20\n2,10\n")
    (tmp_path / "items.csv").write_text("item_id,title\n10,Ten\n20,Twenty\n")
    words = ["--data", str(tmp_path / "rows.csv"), "--item-table", str(tmp_path / "items.csv")]
    args = parse(*words, "--item-table-text", "name")
    cli.settings_from(args)
    with pytest.raises(SystemExit, match="expected a column 'name'.*'item_id', 'title'"):
        cli.guarded(cli.load_from)(args)


@pytest.mark.parametrize(("name", "path"), [("out", "none/rows.csv"), ("export", "file.csv")])
def test_what_cannot_be_written_is_refused_before_training(tmp_path, name, path):
    (tmp_path / "file.csv").write_text("")
    with pytest.raises(ValueError, match=f"`--{name} .*should be writable"):
        cli.check_writable(name, str(tmp_path / path))


def test_marks_of_missing_values_and_the_rating_that_is_none_reach_the_reader(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("user_id,item_id,stars\nnull,x,0\nb,y,5\n-,y,4\n")
    words = ["--data", str(path), "--rating-column", "stars", "--unrated", "0"]
    args = parse(*words, "--keep-missing", "--missing", "-")
    cli.settings_from(args)
    data = cli.load_from(args).interactions
    assert data.users.ids.tolist() == ["null", "b", "-"]
    assert np.isnan(data.rating).tolist() == [True, False, False]
    args = parse(*words, "--missing", "-")
    cli.settings_from(args)
    assert cli.load_from(args).interactions.users.ids.tolist() == ["null", "b"]


@pytest.mark.parametrize("name", ["data", "labels", "item_table"])
def test_an_output_is_never_an_input_of_the_command(tmp_path, name):
    path = tmp_path / "ratings.csv"
    path.write_text("user_id,item_id\n")
    args = argparse.Namespace(out=str(path), overwrite=True, **{name: str(path)})
    with pytest.raises(ValueError, match="`--out` should be another file than the input"):
        cli.check_out(args)


def test_an_existing_output_needs_the_word_to_replace_it(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("old")
    with pytest.raises(FileExistsError, match=r"`--out` should be a new file.*--overwrite"):
        cli.check_out(argparse.Namespace(out=str(path), overwrite=False))
    cli.check_out(argparse.Namespace(out=str(path), overwrite=True))


def test_the_built_in_world_comes_with_the_truth_behind_it():
    args = parse("--data", "synthetic")
    cli.settings_from(args)
    loaded = cli.load_from(args)
    shape = (loaded.interactions.num_users, loaded.interactions.num_items)
    assert loaded.best_scores.shape == shape
    assert np.isfinite(loaded.best_scores).all()


@pytest.mark.parametrize(("given", "refused"), [(0, True), (-3, True), (1, False), (None, False)])
def test_a_count_on_the_command_line_is_at_least_one_where_it_is_given(given, refused, capsys):
    parser, args = argparse.ArgumentParser(), argparse.Namespace(link_epochs=given)
    if not refused:
        cli.require_counts(parser, args, "link_epochs")
        return
    with pytest.raises(SystemExit):
        cli.require_counts(parser, args, "link_epochs")
    assert f"--link-epochs should be >= 1. Received: {given}." in capsys.readouterr().err


def test_a_slug_keeps_letters_and_digits_alone():
    assert slug("APR, ε .5") == "APR__ε__5"


def test_a_table_of_items_may_have_a_separator_of_its_own_and_titles_that_look_missing(tmp_path):
    data, books = tmp_path / "rows.csv", tmp_path / "books.csv"
    data.write_text("user_id,ISBN\na,1\nb,2\na,2\nb,3\n")
    titles = ['"Le café"', '"The \\"Quiet\\" Year"', '"NA"']
    rows = "".join(f'"{i + 1}";{title}\n' for i, title in enumerate(titles))
    books.write_text("ISBN;Title\n" + rows, encoding="latin-1")
    words = ["--data", str(data), "--item-column", "ISBN", "--item-table", str(books)]
    words += ["--item-table-id", "ISBN", "--item-table-text", "Title", "--escape", "\\"]
    with pytest.raises(ValueError, match="books.csv, line 2, byte .*`encoding`"):
        cli.load_from(parse(*words))
    found = cli.load_from(parse(*words, "--encoding", "latin-1")).interactions
    assert found.item_text.tolist() == ["Le café", 'The "Quiet" Year', "NA"]


def test_titles_are_part_of_the_identity_of_a_run(tmp_path):
    (tmp_path / "rows.csv").write_text("user_id,item_id\n" + "1,10\n1,20\n1,30\n2,10\n2,20\n2,30\n")
    words = ["--data", str(tmp_path / "rows.csv"), "--run-dir", str(tmp_path / "run")]
    words += ["--item-table", str(tmp_path / "items.csv"), "--item-table-text", "title"]

    def begun(title, *more, **inputs):
        (tmp_path / "items.csv").write_text(f"item_id,title\n10,{title}\n20,Twenty\n30,Thirty\n")
        return cli.guarded(lambda: cli.begin(parse(*words, *more), "job", **inputs))()

    begun("Ten", model_sha256="a")[3].claim()
    begun("Ten", "--resume", model_sha256="a")
    with pytest.raises(SystemExit, match="differs in .*titles_sha256"):
        begun("Zehn", "--resume", model_sha256="a")
    with pytest.raises(SystemExit, match="`model_sha256` was 'a' and is 'b'"):
        begun("Ten", "--resume", model_sha256="b")
