"""The report of the study of detectors as a Markdown page, from the report alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments.detection import figures
from experiments.detection.measures import AP
from experiments.harness.markdown import number, page, spread, table
from experiments.harness.plots import save
from experiments.harness.reports import images_of

PARTS = ("unseen", "labeled", "clicks")
GOAL = 0.8
CLASSIC = "pca-var-select"


def render(report: dict, path: Path) -> str:
    """The page, whose plots are drawn where it shows them."""
    save(figures.plots(report), path)
    return markdown(report, path)


def markdown(report: dict, path: Path) -> str:
    """A section for each part of the study that the report has."""
    absent = [part for part in PARTS if not report[part]]
    return page(
        "Finding fake profiles",
        report["command"],
        [
            "",
            "Average precision (AP) at a base rate of 1 %: a detector that guesses has .010. With "
            "true-positive rate T and false-positive rate F precision is .01 T / (.01 T + .99 F), "
            "so it does not depend on how many fakes a test set holds.",
        ],
        *(
            _unseen(name, found, report, images_of(path))
            for name, found in report["unseen"].items()
        ),
        _labeled(report["labeled"], report["kinds"]) if report["labeled"] else [],
        _clicks(report["clicks"], report["settings"]) if report["clicks"] else [],
        ["", f"Not asked for, so not on this page: {', '.join(absent)}."] if absent else [],
    )


def _unseen(name: str, found: dict, report: dict, images: str) -> list[str]:
    settings, attacks = report["settings"], figures.attacks_of(found)
    learned = settings["learned"]
    heuristic = [attack for attack in attacks if attack not in learned]
    first = next(iter(next(iter(found.values())).values()))

    def mean(detector: str, measure: str = AP) -> float:
        return float(np.mean([found[detector][attack][measure] for attack in heuristic]))

    overview, at_threshold = [], []
    for detector, of_attack in found.items():
        mark = "*" if next(iter(of_attack.values()))["transductive"] else ""
        cells = [number(of_attack.get(attack, {}).get(AP), 3) for attack in attacks]
        kind = report["kinds"][detector]
        overview.append([detector + mark, kind, *cells, number(mean(detector), 3)])
        measures = ("recall", "false_positive_rate", "precision")
        at_threshold.append([detector, *(number(mean(detector, one), 3) for one in measures)])
    best = max(found, key=mean)
    missed = [attack for attack in heuristic if found[best][attack][AP] < GOAL]
    below = f"; below it on {', '.join(missed)}" if missed else ""
    return [
        "",
        f"## Attacks unseen in training: shilling/{name}",
        "",
        "Half of the honest users and attacks of one group are for fitting. Detectors are tested "
        "on the other half with fakes (1 % of them) of one attack of the other group on one "
        f"target; halvings: {settings['seeds']}, targets: {settings['targets']}, repetitions a "
        f"figure: {first['repetitions']}. Groups: random, segment, popular, probe; average (also "
        "over popular items, with noise, with the target shifted), bandwagon, love-hate. For "
        "learned and optimized attacks, detectors are fitted on all of these. A detector marked * "
        "is transductive: fitted, without labels, on the profiles that it scores; the others never "
        "see them. The simulated-attack forest simulates the attacks of the fitting group only.",
        *table(["detector", "kind", *attacks, "mean without learned"], overview),
        "",
        f"![Average precision of every detector on every attack]({images}map_{name}.png)",
        "",
        f"![Precision and recall]({images}curves_{name}.png)",
        "",
        "Curves of the best detector of each kind, of the classic one, and of those that this "
        "package adds; the dotted line is a guess.",
        "",
        "At the threshold that 1 % of the honest users of the fitting half exceed (for * the 1 % "
        "of tested users with the highest scores); mean over all attacks but the learned ones:",
        *table(["detector", "recall", "false-positive rate", "precision at 1 %"], at_threshold),
        *(_learned(found, learned) if learned else []),
        "",
        f"The best over these attacks is {best}: AP of {GOAL} or more on "
        f"{len(heuristic) - len(missed)} of {len(heuristic)} attacks{below}.",
    ]


def _learned(found: dict, learned: list[str]) -> list[str]:
    """Mean average precision over learned attacks, beside that of the classic detector."""
    mean = {
        detector: float(np.mean([of_attack[attack][AP] for attack in learned]))
        for detector, of_attack in found.items()
        if all(attack in of_attack for attack in learned)
    }
    classic = mean.get(CLASSIC)
    return [
        "",
        f"Learned attacks ({', '.join(learned)}), mean AP; a detector that is missing was not run:",
        *table(
            ["detector", "mean AP", f"over {CLASSIC}"],
            [
                [detector, number(value, 3), f"{value / classic:.1f} x" if classic else ""]
                for detector, value in sorted(mean.items(), key=lambda item: -item[1])
            ],
        ),
    ]


def _labeled(found: dict, kinds: dict) -> list[str]:
    detectors = list(next(iter(found.values())))
    not_run = [name for name in kinds if name not in detectors]
    return [
        "",
        "## Labeled sets (SDLib)",
        "",
        "AP at the set's own fraction of fakes, five folds of users, means over seeds (deviation). "
        "A detector that needs labels has those of the other folds; one that needs none ranks the "
        "whole set. `amazon` are reviewers labeled spammers by people, `averageattack` an injected "
        "average attack. The classic detectors are those of SDLib.",
        *table(
            ["detector", "kind", *found],
            [
                [
                    *(detector, kinds.get(detector, "")),
                    *(
                        spread(of[detector][AP], of[detector].get("deviation"), 3)
                        for of in found.values()
                    ),
                ]
                for detector in detectors
            ],
        ),
        *(["", f"Not run on these: {'; '.join(not_run)}."] if not_run else []),
    ]


def _clicks(found: dict, settings: dict) -> list[str]:
    kinds = list(next(iter(found.values())))
    return [
        "",
        "## Click fraud (synthetic world, times in sessions)",
        "",
        "Eight fraudulent accounts of one kind among 800 people; detectors were fitted on the "
        f"other kinds (the unsupervised on people alone). {settings['click_seeds']} worlds.",
        *table(
            ["detector", *kinds],
            [[name, *(number(of[kind][AP], 3) for kind in kinds)] for name, of in found.items()],
        ),
    ]
