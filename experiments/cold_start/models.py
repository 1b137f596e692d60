"""The tables of the cold-start job: which rows each scenario has, and whose ablation a row is.

A row is a record: a function from a `Task` to a recommender, which `baselines`, `towers`,
`generated` and `fine_tuning` hold. Settings are the same for all towers; epochs are chosen on
validation, and where a row has `points` so is the setting.
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.cold_start import baselines
from experiments.cold_start.fine_tuning import FINE_TUNED
from experiments.cold_start.generated import filled, with_generated
from experiments.cold_start.task import Row
from experiments.cold_start.towers import generated_rows, perturbed, tower, with_prior

_AGAINST = {"points": (0.1, 0.3, 1.0), "setting": "weight", "needs": ("attributes",)}
_PERTURBED = {"points": (0.1, 0.3), "setting": "epsilon"}
_BOTH = {"needs": ("attributes",), "ablation": "text + attributes tower"}
BASELINES = {
    "random": Row(train=baselines.random),
    "popularity": Row(train=baselines.popularity, seeded=False),
    "popularity of the attributes": Row(
        train=baselines.popularity_of_attributes, needs=("attributes",), seeded=False
    ),
    "attributes of the history": Row(
        train=baselines.attributes_of_history, needs=("attributes",), seeded=False
    ),
    "nearest texts": Row(train=baselines.nearest_texts, seeded=False),
    "EASE": Row(train=baselines.ease, points=(300.0, 100.0, 1000.0), setting="l2", seeded=False),
}
ID_TOWER = {"id tower": Row(train=tower(item_ids=True))}
TEXT_TOWER = {"text tower": Row(train=tower("text"), ablation="id tower")}


def text_and_id(*dropouts: float) -> Mapping[str, Row]:
    return {
        "text + id tower": Row(
            train=tower("text", item_ids=True, id_dropout=None),
            points=dropouts,
            setting="id dropout",
            ablation="id tower",
        )
    }


SCENARIOS: Mapping[str, Mapping[str, Row]] = {
    "items": {
        **BASELINES,
        **ID_TOWER,
        "attributes tower": Row(train=tower("attributes"), needs=("attributes",)),
        "graph tower": Row(train=tower("graph"), needs=("graph",)),
        **TEXT_TOWER,
        **text_and_id(0.5, 0.2),
        "text + attributes tower": Row(
            train=tower("text", "attributes"), needs=("attributes",), ablation="text tower"
        ),
        "text + attributes tower, gated": Row(
            train=tower("text", "attributes", fusion="gated"), **_BOTH
        ),
        "text + graph tower": Row(
            train=tower("text", "graph"), needs=("graph",), ablation="text tower"
        ),
        "text tower, text perturbed by noise": Row(
            train=perturbed("random", "text"), ablation="text tower", **_PERTURBED
        ),
        "text tower, text perturbed (FGSM)": Row(
            train=perturbed("gradient", "text"), ablation="text tower", **_PERTURBED
        ),
        "text + attributes tower, both perturbed by noise": Row(
            train=perturbed("random", "text", "attributes"), **_PERTURBED, **_BOTH
        ),
        "text + attributes tower, both perturbed (FGSM)": Row(
            train=perturbed("gradient", "text", "attributes"), **_PERTURBED, **_BOTH
        ),
        "text tower against random vectors": Row(
            train=with_generated("random", 1.0), ablation="text tower", **_AGAINST
        ),
        "text tower against the GAN's ablation": Row(
            train=with_generated("ablation", 1.0), ablation="text tower", **_AGAINST
        ),
        "text tower against the GAN": Row(
            train=with_generated("gan", 1.0), ablation="text tower", **_AGAINST
        ),
        "text tower with the GAN's items as positives": Row(
            train=with_generated("gan", -1.0), ablation="text tower", **_AGAINST
        ),
    },
    "missing": {
        "text tower": Row(train=tower("text")),
        "text + attributes tower": Row(
            train=tower("text", "attributes"), needs=("attributes",), ablation="text tower"
        ),
        "text tower, filled at random": Row(train=filled("random"), ablation="text tower"),
        "text tower, filled by the attributes' mean": Row(
            train=filled("mean"), needs=("attributes",), ablation="text tower"
        ),
        "text tower, filled by the GAN's ablation": Row(
            train=filled("ablation"), needs=("attributes",), ablation="text tower"
        ),
        "text tower, filled by the GAN": Row(
            train=filled("gan"),
            needs=("attributes",),
            ablation="text tower, filled by the GAN's ablation",
        ),
    },
    "users": {
        "popularity": BASELINES["popularity"],
        "EASE": BASELINES["EASE"],
        **ID_TOWER,
        "id tower, popularity prior": Row(
            train=with_prior(tower(item_ids=True)), ablation="id tower"
        ),
        "id tower, rows at random": Row(train=generated_rows("random"), ablation="id tower"),
        "id tower, rows by popularity": Row(
            train=generated_rows("popularity"), ablation="id tower"
        ),
        "id tower, rows by EASE": Row(train=generated_rows("ease"), ablation="id tower"),
        "user attributes tower": Row(
            train=tower(item_ids=True, attributes_of_users=True, user_ids=False),
            needs=("user_attributes",),
            ablation="popularity",
        ),
        "history tower": Row(
            train=tower("text", item_ids=True, history_of_text=True, id_dropout=0.3),
            ablation="id tower",
        ),
        "history tower, popularity prior": Row(
            train=with_prior(tower("text", item_ids=True, history_of_text=True, id_dropout=0.3)),
            ablation="id tower, popularity prior",
        ),
        "history + user attributes tower": Row(
            train=tower(
                "text",
                item_ids=True,
                history_of_text=True,
                attributes_of_users=True,
                id_dropout=0.3,
            ),
            needs=("user_attributes",),
            ablation="history tower",
        ),
    },
    "finetuned": FINE_TUNED,
    "warm": {
        "popularity": BASELINES["popularity"],
        "EASE": BASELINES["EASE"],
        **ID_TOWER,
        **TEXT_TOWER,
        **text_and_id(0.2, 0.0),
        "text + id tower, histories": Row(
            train=tower("text", item_ids=True, history_of_text=True, id_dropout=0.2),
            ablation="text + id tower",
        ),
    },
}
