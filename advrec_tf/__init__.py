"""advrec_tf: adversarial learning for recommender systems on TensorFlow and Keras.

    import advrec_tf as ar

    split = ar.data.load("synthetic").split("last_item")
    model = ar.AdversarialTraining(ar.models.two_tower(split.train), ar.fgsm(0.1, relative=True))
    ar.fit(model, split, epochs=5)
    ar.serving.export(model, "saved_models/mine")

Public are the names in ``__all__`` of the package and of its folders; they load on first use, so
importing the package costs milliseconds and loads neither TensorFlow nor a language model. The
import selects the Keras generation that TensorFlow Recommenders needs (Keras 2, the package
``tf_keras``). TensorFlow decides once, at the first touch of ``tf.keras``; where that has already
happened with Keras 3, the import fails here and says what to do.
"""

import os
import sys

import lazy_loader

from advrec_tf._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "attacks",
        "data",
        "defence",
        "evaluation",
        "gan",
        "knowledge",
        "losses",
        "models",
        "perturbations",
        "serving",
        "tabular",
        "text",
        "training",
    ],
    submod_attrs={
        "gan.base": ["GAN"],
        "perturbations": ["Perturbation", "fgsm", "pgd"],
        "training.adversarial": ["AdversarialTraining"],
        "training.defaults": ["fit"],
    },
)
__all__ += ["__version__"]

_CURE = (
    "Restart Python (the kernel, in a notebook) and import advrec_tf before anything that touches "
    "tf.keras; TensorFlow itself may come first. Starting Python with TF_USE_LEGACY_KERAS=1 works "
    "as well."
)


def _select_keras_2() -> None:
    chosen = os.environ.get("TF_USE_LEGACY_KERAS")
    if chosen is not None and chosen not in ("1", "true", "True"):
        raise ImportError(
            "advrec_tf needs tf.keras to be Keras 2 (tf_keras), but the environment variable "
            f"TF_USE_LEGACY_KERAS is set to {chosen!r}. Unset it or set it to 1."
        )
    tensorflow = sys.modules.get("tensorflow")
    # Until its first use `tensorflow.keras` is a lazy loader, and the choice is still open;
    # from then on it is the module that was chosen, or a loader that remembers its choice.
    # Read through `vars`: getattr would resolve the loader.
    keras = vars(tensorflow).get("keras") if tensorflow is not None else None
    state = vars(keras) if keras is not None else {}
    if (
        state.get("_tfll_keras_version") == "keras_3"
        or state.get("__name__") == "keras._tf_keras.keras"
    ):
        raise ImportError(
            "advrec_tf needs tf.keras to be Keras 2 (tf_keras), but tf.keras has already been "
            f"loaded as Keras 3 in this process. {_CURE}"
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"


_select_keras_2()
