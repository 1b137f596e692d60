import io
import logging
import sys
import warnings

import pytest

from advrec_tf.commands import display
from advrec_tf.commands.display import LOGGER
from advrec_tf.pipelines.progress import LOG, stage_done, stages_ahead


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({}, ["a stage", "careful"]),
        ({"verbose": True}, ["an epoch", "a stage", "careful"]),
        ({"quiet": True}, ["careful"]),
    ],
)
def test_in_a_pipe_a_stage_is_a_line_and_an_epoch_only_where_asked(settings, lines, capsys):
    with display.shown(**settings):
        LOG.debug("an epoch")
        stage_done("a stage")
        LOG.warning("careful")
    assert capsys.readouterr().out.splitlines() == lines
    stage_done("after the end")
    assert capsys.readouterr().out == ""


def test_a_python_warning_is_one_line_once_in_the_words_of_the_command(capsys):
    before = warnings.formatwarning
    warning = ("`share` should be\nlarger.", UserWarning, "module.py", 7)
    with display.shown(told=lambda text: text.replace("`share`", "`--id-share`")):
        lines = [warnings.formatwarning(*warning) for _ in range(2)]  # what Python prints
        LOG.info("Say so by `share` or %s.", "`rate`")
    assert lines == ["Warning: `--id-share` should be larger.\n", ""]
    assert capsys.readouterr().out == "Say so by `--id-share` or `rate`.\n"
    assert warnings.formatwarning is before


def test_the_log_file_has_every_line_and_goes_on_after_what_is_there(tmp_path):
    before = list(LOGGER.handlers)
    with display.shown(quiet=True):
        display.keep_log(tmp_path)
        LOG.debug("an epoch")
    with display.shown(quiet=True):
        display.keep_log(tmp_path)
        stage_done("a stage")
    text = (tmp_path / display.LOG_FILE).read_text()
    assert [line[-8:].strip() for line in text.splitlines()] == ["an epoch", "a stage"]
    assert LOGGER.handlers == before


def test_the_log_file_has_the_warnings_too_those_before_it_as_well(tmp_path, capsys):
    with display.shown():
        warnings.formatwarning("early", UserWarning, "module.py", 7)
        display.keep_log(tmp_path)
        for _ in range(2):
            warnings.formatwarning("late", UserWarning, "module.py", 7)
    text = (tmp_path / display.LOG_FILE).read_text()
    assert [line.split(" ", 2)[2] for line in text.splitlines()] == [
        "WARNING early",
        "WARNING late",
    ]
    assert capsys.readouterr().out == ""  # Python prints them on the standard error


def test_the_live_line_counts_stages_and_shows_the_epoch():
    from rich.console import Console

    out = io.StringIO()
    handler = display.LiveHandler(Console(file=out, force_terminal=True, width=100))
    try:
        for record in (
            {"msg": "3 stages", "levelno": logging.DEBUG, "stages": 3},
            {"msg": "tower [b] done", "levelno": logging.INFO, "stage": True},
            {"msg": "gan epoch 2/60", "levelno": logging.DEBUG},
        ):
            handler.emit(logging.makeLogRecord(record))
        line = handler._where("gan epoch 2/60")
    finally:
        handler.close()
    assert line.startswith("stage 2 of 3 · about ") and line.endswith("left · gan epoch 2/60")
    assert "tower [b] done" in out.getvalue()


def test_the_live_line_ends_with_the_last_stage():
    from rich.console import Console

    out = io.StringIO()
    handler = display.LiveHandler(Console(file=out, force_terminal=True, width=100))
    try:
        handler.emit(logging.makeLogRecord({"msg": "1 stages", "stages": 1, "levelno": 10}))
        assert handler._status._live.is_started
        handler.emit(logging.makeLogRecord({"msg": "tower", "stage": True, "levelno": 20}))
        assert not handler._status._live.is_started
        handler.emit(logging.makeLogRecord({"msg": "a note", "levelno": 20}))
        assert not handler._status._live.is_started
    finally:
        handler.close()
    assert "a note" in out.getvalue()


def test_stages_ahead_and_done_are_in_the_records(caplog):
    with caplog.at_level(logging.DEBUG, logger="advrec_tf"):
        stages_ahead(7)
        stage_done("one")
        stage_done("of little interest", level=logging.DEBUG)
    assert caplog.records[0].stages == 7 and all(record.stage for record in caplog.records[1:])
    assert [record.levelno for record in caplog.records[1:]] == [logging.INFO, logging.DEBUG]


def test_a_library_that_configures_the_root_shows_no_line_again(capfd):
    root = logging.StreamHandler(sys.stdout)
    logging.getLogger().addHandler(root)
    try:
        with display.shown():
            logging.getLogger("advrec_tf.pipelines").info("once")
    finally:
        logging.getLogger().removeHandler(root)
    assert capfd.readouterr().out == "once\n"
    assert logging.getLogger("advrec_tf").propagate
