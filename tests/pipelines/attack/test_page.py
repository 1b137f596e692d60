from advrec_tf.pipelines.attack import page
from tests.pipelines.attack.test_bounded import FOUND as BOUNDED
from tests.pipelines.attack.test_certificates import FOUND
from tests.pipelines.attack.test_chosen import CAMPAIGN

MEAN = {
    **{"attack": "average", "victim": "ease", "defence": "none", "group": "own", "size": 0.1},
    **{"knowledge": "unrestricted", "targets": 1, "seeds": 2, "x": 0.5, "x, clean": 0.25},
    "target_raters": 3.0,
}
SHARE = {"verified_share": 0.2}
REPORT = {
    "mean": MEAN,
    "cells": [],
    "targets": [{"item_id": 3, "words": "Item 3 rests on nobody."}],
    "certificates": FOUND,
    "users": 1000,
    "items": 30,
    "interactions": 2000,
    "command": "advrec attack",
    "accounts": 50,
    "fillers": 6,
}


def test_the_page_has_measures_targets_and_certificates():
    text = page.markdown(REPORT)
    assert text.startswith("# average on ease, defence none: 1 target, 2 seeds\n")
    assert "- `target_raters`: users who have the target" in text
    assert "| x | 0.2500 | 0.5000 |" in text and "1,000 users, 30 items" in text
    assert "50 fake users, each with 6 items beside the target." in text
    assert "- Item 3 rests on nobody." in text
    assert "| 10 | 40 | 30 | 0.750 |" in text
    lines = page.lines_of(REPORT)
    assert "Item 3 rests on nobody." in lines and lines[-1].split()[:3] == ["10", "40", "30"]
    assert not any("*" in line for line in lines)


def test_bounds_stand_beside_certificates():
    report = REPORT | {"bounded": BOUNDED}
    text = page.markdown(report)
    assert text.count("## Certified") == 1
    assert "A promise of the defence subset-ensemble" in text
    assert "A promise of the defence verified-bounds with one width" in text
    assert "| 0.5 | 0.5000 | 40 | 30 | 0.750 |" in text
    assert page.lines_of(report)[-1].split()[:4] == ["0.5", "0.5000", "40", "30"]


def test_a_promise_is_of_the_model_above_where_it_has_that_defence():
    def said(defence):
        return page.markdown(
            REPORT | {"bounded": BOUNDED, "mean": MEAN | {"defence": defence}, "settings": SHARE}
        )

    assert said("none").count("whatever the attack; the model above has none.") == 2
    assert "; it is the defence of the model above, with 200 models," in said("subset-ensemble")
    assert said("subset-ensemble").count("the model above has none") == 1
    assert "has it, with the width 0.5." in said("verified-bounds-at-0.5")
    assert "has it, with the width that it chooses." in said("verified-bounds")
    assert "joined to another defence" in said("coherence-weights+verified-bounds")


def test_without_an_attack_there_are_no_fake_users():
    text = page.markdown(REPORT | {"mean": MEAN | {"attack": "none"}})
    assert "2,000 training interactions; no fake users." in text
    assert "|  | clean |\n" in text and "| x | 0.5000 |" in text


def test_without_an_attack_and_certificates_their_sections_are_absent():
    report = REPORT | {"targets": [], "certificates": None}
    assert "##" not in page.markdown(report)
    *_, legend, about = page.lines_of(report)
    assert legend.startswith("  clean: ") and about == f"  {page.ABOUT_MEASURES}"


def test_a_knowing_attacker_and_a_defence_are_said_with_what_was_chosen():
    knowing = MEAN | {"attack": "best-response", "defence": "coherence-weights+rank-by-evidence"}
    report = REPORT | {"mean": knowing, "cells": [{"seed": 0, "chosen": CAMPAIGN}]}
    text = page.markdown(report)
    assert "The attack best-response knows model and defence: on a copy of both it tries" in text
    assert (
        "The defence coherence-weights+rank-by-evidence: Weighs users and items by how well what "
        "they have, or who has them, hangs together: what does not, or too well, as a copy does, "
        "counts for little. Ranks by a lower confidence bound: the fewer independent raters"
    ) in text
    noise = page.markdown(REPORT | {"mean": MEAN | {"defence": "noise"}})
    assert "The defence noise: The control of apr, pgd and vulnerability-aware, without" in noise
    assert "## What the attacker chose" in text
    assert "| 7 | 0 | campaign | 2 | 0.3 | 0.25 | 2 | all | yes | no | 25 | 0.1250 |" in text
    assert "The column *undefended*" not in text
    both = page.markdown(report | {"undefended": MEAN})
    assert "The column *undefended* is of the same accounts, which were chosen against" in both
    assert "What the attacker chose:" in page.lines_of(report)
