"""The tables of the cold-start study: the entries of each scenario, and whose ablation each is.

Sizes and rates are the same for all towers; epochs are chosen on validation, and where an entry has
a space so is its setting.
"""

from __future__ import annotations

from collections.abc import Mapping

from advrec_tf.training import recipes
from experiments.cold_start import baselines
from experiments.cold_start.fine_tuning import fine_tuned, pretrained
from experiments.cold_start.generated import imputed, with_generated_items
from experiments.cold_start.towers import augmented, perturbed, tower, with_prior
from experiments.harness.baselines import closed_form, random_ranking
from experiments.harness.entries import Entry

_HISTORY = {"item_ids": True, "history_of_text": True, "id_dropout": 0.3}

POPULARITY = {"popularity": Entry(train=closed_form(recipes.popularity), seeded=False)}
_L2 = {"l2": (300.0, 100.0, 1000.0)}
EASE = {"EASE": Entry(train=closed_form(recipes.ease), space=_L2, seeded=False)}
ID_TOWER = {"id tower": Entry(train=tower(item_ids=True))}
TEXT_TOWER = {"text tower": Entry(train=tower("text"), ablation="id tower")}


def _attribute_entry(train, ablation: str | None = None, **more) -> Entry:
    return Entry(train=train, ablation=ablation, needs=("attributes",), **more)


def _text_and_id(*dropouts: float) -> Mapping[str, Entry]:
    entry = Entry(
        train=tower("text", item_ids=True), space={"id_dropout": dropouts}, ablation="id tower"
    )
    return {"text + id tower": entry}


def _perturbed(ablation: str, *sources: str, **more) -> Mapping[str, Entry]:
    """A tower hardened by FGSM, and its control with noise of equal size."""
    space, control = {"epsilon": (0.1, 0.3)}, f"{ablation}, noise control"
    noise = Entry(train=perturbed("random", *sources), space=space, ablation=ablation, **more)
    fgsm = Entry(
        train=perturbed("gradient", *sources),
        space=space,
        ablation=ablation,
        control=control,
        **more,
    )
    return {control: noise, f"{ablation}, FGSM": fgsm}


def _generated(source: str, *, positives: bool = False) -> Entry:
    return _attribute_entry(
        with_generated_items(source, positives=positives),
        "text tower",
        space={"weight": (0.1, 0.3, 1.0)},
    )


def _tuned(
    strategy: str,
    adversary: str = "none",
    epsilon: float = 0.0,
    *,
    ablation: str = "top block",
    control: str | None = None,
    weight: float = 1.0,
) -> Entry:
    return Entry(
        train=fine_tuned(strategy, adversary, epsilon, weight),
        ablation=ablation,
        control=control,
        needs=("fresh_encoder",),
    )


def _top(adversary: str, epsilon: float, **more) -> Entry:
    return _tuned("top:1", adversary, epsilon, **more)


SCENARIOS: Mapping[str, Mapping[str, Entry]] = {
    "items": {
        "random": Entry(train=random_ranking()),
        **POPULARITY,
        "popularity by attributes": _attribute_entry(
            baselines.popularity_by_attributes, seeded=False
        ),
        "attribute similarity": _attribute_entry(baselines.attribute_similarity, seeded=False),
        "text similarity": Entry(train=baselines.text_similarity, seeded=False),
        **EASE,
        **ID_TOWER,
        "attribute tower": _attribute_entry(tower("attributes")),
        "graph tower": Entry(train=tower("graph"), needs=("graph",)),
        **TEXT_TOWER,
        **_text_and_id(0.5, 0.2),
        "text + attribute tower": _attribute_entry(tower("text", "attributes"), "text tower"),
        "text + attribute tower, gated": _attribute_entry(
            tower("text", "attributes", fusion="gated"), "text + attribute tower"
        ),
        "text + graph tower": Entry(
            train=tower("text", "graph"), needs=("graph",), ablation="text tower"
        ),
        **_perturbed("text tower", "text"),
        **_perturbed("text + attribute tower", "text", "attributes", needs=("attributes",)),
        "text tower, random items as negatives": _generated("random"),
        "text tower, GAN items as negatives, ablation": _generated("ablation"),
        "text tower, GAN items as negatives": _generated("gan"),
        "text tower, GAN items as positives": _generated("gan", positives=True),
    },
    "missing": {
        "text tower": Entry(train=tower("text")),
        "text + attribute tower": _attribute_entry(tower("text", "attributes"), "text tower"),
        "text tower, imputed at random": Entry(train=imputed("random"), ablation="text tower"),
        "text tower, imputed by attribute means": _attribute_entry(imputed("mean"), "text tower"),
        "text tower, imputed by the GAN, ablation": _attribute_entry(
            imputed("ablation"), "text tower"
        ),
        "text tower, imputed by the GAN": _attribute_entry(
            imputed("gan"), "text tower, imputed by the GAN, ablation"
        ),
    },
    "users": {
        **POPULARITY,
        **EASE,
        **ID_TOWER,
        "id tower, popularity prior": Entry(
            train=with_prior(tower(item_ids=True)), ablation="id tower"
        ),
        "id tower, random interactions": Entry(train=augmented("random"), ablation="id tower"),
        "id tower, popular interactions": Entry(train=augmented("popularity"), ablation="id tower"),
        "id tower, EASE interactions": Entry(train=augmented("ease"), ablation="id tower"),
        "user attribute tower": Entry(
            train=tower(item_ids=True, attributes_of_users=True, user_ids=False),
            needs=("user_attributes",),
            ablation="popularity",
        ),
        "history tower": Entry(train=tower("text", **_HISTORY), ablation="id tower"),
        "history tower, popularity prior": Entry(
            train=with_prior(tower("text", **_HISTORY)), ablation="id tower, popularity prior"
        ),
        "history + user attribute tower": Entry(
            train=tower("text", **_HISTORY, attributes_of_users=True),
            needs=("user_attributes",),
            ablation="history tower",
        ),
    },
    "finetuned": {
        "text tower, pretrained": Entry(train=pretrained, needs=("fresh_encoder",)),
        "head": _tuned("frozen", ablation="text tower, pretrained"),
        "LoRA, rank 4": _tuned("lora:4", ablation="head"),
        "top block": _tuned("top:1", ablation="head"),
        "top block, noise control .03": _top("noise", 0.03),
        "top block, FGM .003": _top("fgm", 0.003),
        "top block, FGM .01": _top("fgm", 0.01),
        "top block, FGM .03": _top("fgm", 0.03, control="top block, noise control .03"),
        "top block, FreeLB .03": _top("freelb", 0.03, control="top block, noise control .03"),
        "top block, VAT .03": _top("vat", 0.03),
        "top block, VAT .1": _top("vat", 0.1, control="top block, VAT .1, noise control"),
        "top block, VAT .3": _top("vat", 0.3, control="top block, VAT .3, noise control"),
        "top block, VAT .1, noise control": _top("vat_noise", 0.1),
        "top block, VAT .3, noise control": _top("vat_noise", 0.3),
        "top block, text noise": _top("disturbed", 0.3),
        "top block, worst of four text noises": _top(
            "worst_disturbed", 0.3, ablation="top block, text noise"
        ),
        "top block, text noise, weight 10": _top("disturbed", 0.3, weight=10.0),
        "top block, worst of four text noises, weight 10": _top(
            "worst_disturbed", 0.3, ablation="top block, text noise, weight 10", weight=10.0
        ),
    },
    "warm": {
        **POPULARITY,
        **EASE,
        **ID_TOWER,
        **TEXT_TOWER,
        **_text_and_id(0.2, 0.0),
        "text + id tower, user histories": Entry(
            train=tower("text", item_ids=True, history_of_text=True, id_dropout=0.2),
            ablation="text + id tower",
        ),
    },
}
