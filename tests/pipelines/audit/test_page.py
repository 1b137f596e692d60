import json
import re

import markupsafe

from advrec_tf.pipelines.audit import page
from advrec_tf.pipelines.audit.thresholds import CHECKS, SECTIONS

SCRIPT = "<script>alert(1)</script>"


def test_the_page_shows_both_models_and_escapes_what_is_in_data(report):
    html = page.render(report)
    assert SCRIPT not in html and "&lt;script&gt;" in html
    assert "<b>more" not in html and "noise &amp; &lt;b&gt;" in html
    assert html.count("data:image/png;base64,") == 5
    for check in CHECKS:
        assert str(check.threshold) in html
    assert html.count("<h2") == 1 + len(SECTIONS)


def test_a_reason_that_verdicts_share_is_said_once_below_them(report):
    html = page.render(report)
    verdicts = [verdict for model in report["models"] for verdict in model["verdicts"]]
    given = [verdict["why"] for verdict in verdicts if verdict["why"]]
    reasons = page._reasons(report["models"])
    assert len(reasons) < len(given)  # some are shared
    assert list(reasons.values()) == list(range(1, len(reasons) + 1))
    table, below = html.split('<h2 id="verdict">')[1].split("<h2")[0].split("</table>")
    below = re.sub("</?code>", "", below)
    for why, place in reasons.items():
        said = str(markupsafe.escape(why.replace("`", "")))
        assert table.count(f'href="#reason-{place}"') == given.count(why)
        assert said not in table and below.count(f'<li id="reason-{place}">{said}</li>') == 1


def test_code_in_a_note_is_set_as_code_and_escaped(report):
    alone = json.loads(json.dumps({**report, "models": report["models"][:1]}))
    verdict = alone["models"][0]["verdicts"][0]
    verdict.update(status="not judged", value=None, why="Give `--fit <name>` to it.")
    html = page.render(alone)
    assert "Give <code>--fit &lt;name&gt;</code> to it." in html and "`--fit" not in html


def test_a_page_can_be_made_again_from_the_figures(report):
    alone = json.loads(json.dumps({**report, "models": report["models"][:1], "command": "advrec"}))
    assert "<code>advrec</code>" in page.render(alone)
