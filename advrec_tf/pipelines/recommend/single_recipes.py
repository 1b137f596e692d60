"""What the settings of one model ask for: which model, its recipe, and the adversary around it.

Running it is left to `single`, trying several settings to `tuning`.
"""

from __future__ import annotations

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.models.compositional import IdTable, MultiHash, QuotientRemainder
from advrec_tf.models.factorization.negatives import InBatch
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.perturbations import Perturbation
from advrec_tf.pipelines.recommend import next_item
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.recipe import Recipe, Wrap

LARGE_CATALOGUE = 20_000
"""Items from which `auto` prefers a factorization: an autoencoder's step costs as many logits."""

DEFAULTS = {
    "two_tower": {"dim": 128, "temperature": 0.12, "batch_size": 256, "epochs": 40},
    "autoencoder": {"dim": 200, "drop": 0.2, "batch_size": 100, "epochs": 150},
    "factorization": {"dim": 128, "temperature": 0.2},
    **{model: {"dim": 64, "blocks": 2, "dropout": 0.3} for model in NEXT_ITEM},
}
"""What each model has where a setting is not given; the rest is as its recipe says."""

_ID_TABLES = {"quotient_remainder": QuotientRemainder, "multi_hash": MultiHash}
_ADVERSARIES = {
    "fgsm": {},
    "pgd": {"steps": 3},
    "noise": {"direction": "random"},
}


def chosen_model(settings: SingleSettings, train: Interactions) -> str:
    """The name of the model, where `auto` is decided by columns and size."""
    if settings.model != "auto":
        return settings.model
    if settings.use_features or settings.use_context:
        return "two_tower"
    if isinstance(train, CountedInteractions):
        return "factorization"  # the others than these two hold whole profiles
    return "factorization" if train.num_items > LARGE_CATALOGUE else "autoencoder"


def recipe_of(model: str, settings: SingleSettings, num_items: int) -> Recipe:
    """How the model is trained on a catalogue of so many items.

    Raises:
        ValueError: if a setting is given that the model does not have.
    """
    if model in NEXT_ITEM:
        return next_item.recipe_of(settings, num_items)
    given = {
        name: value
        for name in ("dim", "learning_rate", "batch_size", "temperature", "drop", "epochs")
        if (value := getattr(settings, name)) is not None
    }
    unknown = {"drop"} if model != "autoencoder" else {"temperature"}
    if wrong := sorted(unknown & set(given)):
        raise ValueError(
            f"`{wrong[0]}` should not be given for the model {model}, which has none. "
            f"Received: {given[wrong[0]]!r}."
        )
    given = {**DEFAULTS[model], **given}
    if model == "autoencoder":
        return recipes.autoencoder(**given)
    if model == "two_tower":
        return recipes.two_tower(
            embedding_dim=given.pop("dim"),
            use_features=settings.use_features,
            use_context=settings.use_context,
            id_table=id_table_of(settings),
            jit_compile=settings.adversary != "noise",
            steps_per_execution=16,
            **given,
        )
    temperature = given.pop("temperature")
    objective = SampledSoftmax(InBatch(), temperature=temperature, cosine=True)
    return recipes.softmax_mf(objective=objective, **given)


def id_table_of(settings: SingleSettings) -> IdTable | None:
    """How the towers keep the vectors of ids; None for a row for each."""
    if settings.id_table is None:
        return None
    given = {} if settings.id_share is None else {"share": settings.id_share}
    return _ID_TABLES[settings.id_table](**given)


def adversary_of(model: str, settings: SingleSettings) -> Wrap | None:
    """What is trained in the place of the model; None without an adversary."""
    if settings.adversary == "none":
        return None
    perturbation = Perturbation(
        epsilon=settings.epsilon, relative=True, **_ADVERSARIES[settings.adversary]
    )

    def wrap(network):
        layers = {"layers": [network.item_layer]} if model == "autoencoder" else {}
        return AdversarialTraining(
            network,
            perturbation,
            weight=settings.adversarial_weight,
            fraction=settings.adversarial_fraction,
            **layers,
        )

    return wrap
