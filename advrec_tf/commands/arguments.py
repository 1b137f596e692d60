"""Arguments that commands share, as records: each field is an option, its help in the docstring.

What is read, and how, is in `table_formats` and `sources`.

Importing it is quick: no TensorFlow.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from advrec_tf.pipelines.audit.settings import AuditSettings
from advrec_tf.pipelines.recommend.gan_settings import GanSettings
from advrec_tf.pipelines.recommend.ranking_settings import RankingSettings
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.tabular.settings import TableSettings
from advrec_tf.pipelines.text.settings import TextTowerSettings

DATA = Group("Data", sort_key=1)
COLUMNS = Group("How the file is read", sort_key=2)
RUN = Group("Run", sort_key=3)
SETTINGS = Group("Settings (of several values, validation chooses one)", sort_key=4)

Count = Annotated[int, Parameter(validator=Number(gte=1))]
"""A whole number of at least one."""
Names = tuple[str, ...]

_flat = Parameter(name="*", group=SETTINGS)
Audited = Annotated[AuditSettings, _flat]
Comparison = Annotated[RecommenderSettings, _flat]
InteractionGan = Annotated[GanSettings, _flat]
RankingTower = Annotated[RankingSettings, _flat]
SingleModel = Annotated[SingleSettings, _flat]
TextTower = Annotated[TextTowerSettings, _flat]
TableGeneration = Annotated[TableSettings, _flat]


@Parameter(name="*", group=RUN)
@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """The folder of a run, and what is said while it goes on.

    Attributes:
        out: The folder for all that the command writes.
        resume: Continue the run in --out.
        quiet: Show warnings and the result only.
        verbose: Show a line for each epoch.
        fail_on_unhealthy: End with exit code 3 where a training diverged, collapsed or had nothing
            to learn. By default this is only said.
    """

    out: Path
    resume: bool = False
    quiet: bool = False
    verbose: bool = False
    fail_on_unhealthy: bool = False
