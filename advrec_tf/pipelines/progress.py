"""Where jobs say what they do: the logger `advrec_tf.pipelines`.

A stage is a line at level INFO, with `stage` as an attribute of the record; an epoch is a line at
level DEBUG. `commands.display` shows them; whoever calls a job from Python configures logging.
"""

from __future__ import annotations

import logging

LOG = logging.getLogger("advrec_tf.pipelines")


def stage_done(line: str, *, level: int = logging.INFO) -> None:
    """A stage of a long job has ended; `line` says which and with what.

    Stages that say little by themselves are at level DEBUG: counted, and in the log file.
    """
    LOG.log(level, line, extra={"stage": True})


def stages_ahead(count: int) -> None:
    """The job will end `count` stages, those that are stored already among them."""
    LOG.debug(f"{count} stages", extra={"stages": count})
