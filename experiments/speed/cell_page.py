"""The page of a study of speed that is one table of cells, with the machine and a legend."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from advrec_tf.pipelines.machine import machine
from experiments.harness import command
from experiments.harness.markdown import facts, page, table


@dataclasses.dataclass(frozen=True)
class CellPage:
    """The page of a report that holds `about` and `cells`.

    Attributes:
        stem: the name of its files.
        title: of the page.
        head: the names of the columns.
        legend: what the columns are, in sentences.
    """

    stem: str
    title: str
    head: Sequence[str]
    legend: str

    def markdown(self, report: dict, path: Path | None) -> str:
        """The page, from the report alone."""
        lines = [*table(self.head, report["cells"]), "", self.legend]
        return page(self.title, report["command"], facts(report["about"]), lines)

    def publish(
        self, args: argparse.Namespace, names: Iterable[str], cells: Sequence[Sequence[str]]
    ) -> None:
        """Write the report and its page into `--out`, and print the page.

        Args:
            names: of the arguments that stand on the page, with the machine.
            cells: the lines of the table.
        """
        about = {name: getattr(args, name) for name in names} | machine()
        report = {"about": about, "cells": [list(line) for line in cells]}
        command.publish(args, report, self.markdown, self.stem)
