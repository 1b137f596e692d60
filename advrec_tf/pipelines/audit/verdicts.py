"""The verdicts of an audit: one line each with a value, judged by the checks of `thresholds`.

A value that could not be measured is not judged, and neither passes nor fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from advrec_tf.pipelines.audit.thresholds import CHECKS, Check

PASSED, FAILED, NOT_JUDGED = "passed", "failed", "not judged"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """A check with its outcome.

    Attributes:
        check: of `CHECKS`.
        value: what was measured; None where it was not.
        status: "passed", "failed" or "not judged".
        why: the reason where it was not judged.
    """

    check: Check
    value: float | None
    status: str
    why: str = ""

    def as_dict(self) -> dict:
        return {
            **dataclasses.asdict(self.check),
            "value": self.value,
            "status": self.status,
            "why": self.why,
        }


def judge(sections: Mapping[str, Mapping]) -> list[Verdict]:
    """A verdict for every check, of the sections by name."""
    return [_judge(check, sections) for check in CHECKS]


def passed_share(verdicts: Sequence[Verdict]) -> float:
    """Percentage of the judged verdicts that passed; 100 where none was judged."""
    judged = [verdict for verdict in verdicts if verdict.status != NOT_JUDGED]
    passed = sum(verdict.status == PASSED for verdict in judged)
    return 100.0 * passed / len(judged) if judged else 100.0


def _judge(check: Check, sections: Mapping[str, Mapping]) -> Verdict:
    value, why = _value(sections, check.path.split("."))
    if value is None:
        return Verdict(check=check, value=None, status=NOT_JUDGED, why=why)
    holds = value <= check.threshold if check.side == "at most" else value >= check.threshold
    return Verdict(check=check, value=float(value), status=PASSED if holds else FAILED)


def _value(sections: Mapping, path: Sequence[str]) -> tuple[float | None, str]:
    """(value, ""), or (None, why): `not_possible` of a section or part, or `no_NAME` beside it."""
    found, why = sections, "There is nothing to measure it on."
    for name in path:
        if "not_possible" in found:
            return None, found["not_possible"]
        why = found.get(f"no_{name}", why)
        found = found.get(name)
        if found is None:
            return None, why
    return found, ""
