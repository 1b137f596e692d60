from advrec_tf.pipelines.attack import page
from tests.pipelines.attack.test_certificates import FOUND

MEAN = {
    **{"attack": "average", "victim": "ease", "defence": "none", "group": "own", "size": 0.1},
    **{"knowledge": "unrestricted", "targets": 1, "seeds": 2, "x": 0.5, "x, clean": 0.25},
    "target_raters": 3.0,
}
REPORT = {
    "mean": MEAN,
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
    assert text.startswith("# average on ease, defence none: 1 targets, 2 seeds\n")
    assert "- `target_raters`: users who have the target" in text
    assert "| x | 0.2500 | 0.5000 |" in text and "1,000 users, 30 items" in text
    assert "50 fake users, each with 6 items beside the target." in text
    assert "- Item 3 rests on nobody." in text
    assert "| 10 | 40 | 30 | 0.750 |" in text
    lines = page.lines_of(REPORT)
    assert "Item 3 rests on nobody." in lines and lines[-1].split()[:3] == ["10", "40", "30"]
    assert not any("*" in line for line in lines)


def test_without_an_attack_and_certificates_their_sections_are_absent():
    report = REPORT | {"targets": [], "certificates": None}
    assert "##" not in page.markdown(report)
    assert page.lines_of(report)[-1].startswith("  clean: ")
