import argparse

import pytest

from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.stages import StageStore, slug
from experiments.harness import arguments


def parse(*words):
    parser = argparse.ArgumentParser()
    arguments.add_data_arguments(parser)
    arguments.add_run_arguments(parser)
    arguments.add_settings_arguments(parser)
    return parser.parse_args(["--run-dir", "unused", *words])


def test_settings_not_given_keep_their_defaults():
    assert arguments.settings_from(parse("--data", "synthetic")) == RecommenderSettings()


def test_nothing_to_resume_is_said(tmp_path, capsys):
    args = argparse.Namespace(run_dir=tmp_path / "new", resume=True)
    arguments.note_resume(args)
    assert "new holds no run to resume" in capsys.readouterr().out
    StageStore(args.run_dir, {}).claim()
    arguments.note_resume(args)
    assert capsys.readouterr().out == ""


def test_several_values_become_a_tuple_and_a_flag_a_truth_value():
    args = parse("--data", "synthetic", "--epsilon", "0.1", "0.3", "--use-features")
    given = arguments.settings_from(args)
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
        guarded(arguments.settings_from)(parse("--data", "synthetic", *words))
    assert message in str(stop.value)


def test_a_file_that_is_not_there_ends_the_program_with_its_name(tmp_path):
    args = parse("--data", str(tmp_path / "none.csv"))
    arguments.settings_from(args)
    with pytest.raises(SystemExit, match="none.csv"):
        guarded(arguments.load_from)(args)


@pytest.mark.parametrize(("given", "refused"), [(0, True), (-3, True), (1, False), (None, False)])
def test_a_count_on_the_command_line_is_at_least_one_where_it_is_given(given, refused, capsys):
    parser, args = argparse.ArgumentParser(), argparse.Namespace(link_epochs=given)
    if not refused:
        arguments.require_counts(parser, args, "link_epochs")
        return
    with pytest.raises(SystemExit):
        arguments.require_counts(parser, args, "link_epochs")
    assert f"--link-epochs should be >= 1. Received: {given}." in capsys.readouterr().err


def test_a_slug_keeps_letters_and_digits_alone():
    assert slug("APR, ε .5") == "APR__ε__5"
