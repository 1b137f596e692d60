"""`advrec`: the application, its commands, and how mistakes end.

A command is a function in a module of this folder and a line in `COMMANDS`; it is imported when it
is called. Options come from its signature and from the records of `commands` and of the
pipelines' settings; `--config FILE` gives them from a file.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Sequence

from cyclopts import App, Parameter
from cyclopts.help import DefaultFormatter

from advrec_tf._version import __version__
from advrec_tf.commands import configuration, display, startup_noise, tracking
from advrec_tf.ops.files import IF_THERE
from advrec_tf.pipelines.ending import guarded

COMMANDS = {
    "train": "Train one good model and export it.",
    "launch": "Train by several processes of this machine, as several machines would.",
    "compare": "Train all models with their ablations and controls, choose one, export it.",
    "tune": "Search the settings of one model for your data, on validation.",
    "ranking": "Train the ranking tower and the multi-task model: clicks and ratings.",
    "recommend": "Print lists of an exported model, from its folder or from a server.",
    "export": "Export the recommender of a finished run, checked against the one in memory.",
    "gan": "Train a GAN on interactions, and write what it generates.",
    "table": "Train a GAN on a table, and write rows with the same columns.",
    "quality": "Compare generated rows with real ones, as a page.",
    "fraud": "Score every user of a file for fraud: a ranked list with reasons.",
    "audit": "Audit a recommender: one page with figures, verdicts and what to do.",
    "attack": "Attack one recommender, defend it, and measure both.",
    "text": "Train a language model as the item tower of a recommender.",
    "encode": "Write the vectors of the texts of a table, from a language model.",
    "doctor": "Print versions, devices and what is missing, with the cure.",
}
"""The name of each command, whose function is `commands.<name>.<name>`, and what it does."""

DATA_COMMANDS = {
    "list": ("list_sets", "List the built-in world and the public data sets that can be fetched."),
    "fetch": ("fetch", "Fetch a public data set, once its licence is accepted, and verify it."),
    "info": ("info", "Say what the reader makes of a file."),
    "convert": ("convert", "Write interactions as a Parquet file, or files of any size as shards."),
}
"""The name of each command below `advrec data`, its function in `commands.data`, what it does."""

_CONFIG_HELP = """\
Every command takes `--config FILE`, a JSON or TOML file of its options, such as the `run.json` that
an earlier run left in its folder; what is given on the command line comes first. Every command with
a folder takes `--mlflow URI`, which logs settings, figures and files (the extra `mlflow`). With
`ADVREC_TRACEBACK=1` in the environment an error shows its traceback."""


def _shown(value) -> str | None:
    """A default as it is typed; None, which is not shown, where nothing is given."""
    if isinstance(value, tuple):
        return " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value) or None
    if isinstance(value, bool):
        return "on" if value else "off"
    return None if value is None else str(value)


class _Paragraphs(DefaultFormatter):
    """Help whose paragraphs are as wide as the terminal, wherever the source ends its lines."""

    def __call__(self, console, options, panel) -> None:
        for entry in panel.entries:
            text = getattr(entry.description, "primary_renderable", None)
            if text is not None:
                text.plain = _joined(text.plain)
        super().__call__(console, options, panel)

    def render_description(self, console, options, description) -> None:
        text = getattr(description, "primary_renderable", None)
        if text is not None:
            text.plain = _joined(text.plain)
        super().render_description(console, options, description)


def _joined(text: str) -> str:
    """Each paragraph of a text in one line; what is indented stays as it is."""
    return re.sub(r"(?<=[^\n])\n(?=[^\s])", " ", text)


_OPTION_OF = {
    "source": "data",
    "kinds": "column_kind",
    "directory": "model",
    "own_targets": "items",
    "num_fillers": "fillers",
    "share": "id_share",
}
"""Argument of a Python function that commands call -> the argument of the command."""


_OF_TRAINING = ("ties",)
"""Arguments that what is said of data names to all commands: those that do not have them are told
of `advrec train`, which does."""


def _command_of(words: Sequence[str]) -> App | None:
    """The command that the words call, such as `train` or `data info`; None where it is none."""
    first, second = (*words, "", "")[:2]
    if first == "data" and second in DATA_COMMANDS:
        return app[first][second]
    return app[first] if first in COMMANDS else None


def _in_options(sentence: str, words: Sequence[str]) -> str:
    """A sentence as a user of the command that was called knows it: `epochs` is `--epochs`."""
    command = _command_of(words)
    if command is None:
        return sentence
    known = {argument.name for argument in command.assemble_argument_collection()}

    def option(found: re.Match) -> str:
        name = "--" + _OPTION_OF.get(found[1], found[1]).replace("_", "-")
        return f"`{name}`" if name in known else found[0]

    if "--path" not in known:  # which of the files it is, what was received says
        sentence = sentence.replace("Error: `path`", "Error: The path")
    if "--overwrite" in known:
        sentence = sentence.replace(IF_THERE, "")

    def given(found: re.Match) -> str:
        name = f"--{found[1].replace('_', '-')}"
        if name in known:
            return f"{name} {found[2]}"
        return f"advrec train {name} {found[2]}" if found[1] in _OF_TRAINING else found[0]

    sentence = re.sub(r'\b([a-z_]+)="([a-z_0-9]+)"', given, sentence)
    return re.sub(r"`([a-z_0-9]+)`", option, sentence)


app = App(
    name="advrec",
    help="Adversarial learning for recommender systems on TensorFlow and Keras.\n\n" + _CONFIG_HELP,
    version=__version__,
    help_format="plaintext",
    help_formatter=_Paragraphs(),
    default_parameter=Parameter(
        consume_multiple=True, negative_iterable=(), negative_none=(), show_default=_shown
    ),
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # `guarded` says how to go on
)
for _name, _help in COMMANDS.items():
    app.command(f"advrec_tf.commands.{_name}:{_name}", name=_name, help=_help)
_data = App(name="data", help="Public data sets, and what the reader makes of a file.")
for _name, (_function, _help) in DATA_COMMANDS.items():
    _data.command(f"advrec_tf.commands.data:{_function}", name=_name, help=_help)
app.command(_data)


def main(argv: Sequence[str] | None = None):
    """Run a command; `argv` is `sys.argv[1:]` by default.

    The user's mistakes end in one sentence and exit code 1 or 2, Ctrl-C in 130.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return _run(argv)
    except SystemExit as stop:
        if not isinstance(stop.code, str):
            raise
        words = sys.argv[1:] if argv is None else argv
        print(_in_options(stop.code, words), file=sys.stderr)
        raise SystemExit(1) from None


@guarded
def _run(argv: Sequence[str] | None):
    words = list(sys.argv[1:] if argv is None else argv)
    own, rest = words, []
    if "--" in words:  # what follows belongs to another command
        own, rest = words[: words.index("--")], words[words.index("--") :]
    tokens, config = configuration.split(own)
    tokens, uri = tracking.split(tokens)
    tokens += rest
    app.config = config
    with (
        startup_noise.filtered(),
        display.shown(
            quiet="--quiet" in tokens,
            verbose="--verbose" in tokens,
            told=functools.partial(_in_options, words=words),
        ),
    ):
        if uri is None:
            return app(tokens)
        _, bound, _ = app.parse_args(tokens)
        with tracking.tracked(tokens[0], bound.arguments, uri):
            return app(tokens)
