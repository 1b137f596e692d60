"""Which models stand in a table together: labels of `specs.MODELS`, in order.

A model and its ablations are one family, so that no table has the one without the other.
"""

FACTORIZATION = ("MF-BPR", "MF-BPR, DNS", "MF-BPR, generator's negatives")
APR = (
    "MF-BPR, continued",
    "APR",
    "APR, noise",
    "APR, PGD",
    "APR from DNS",
    "APR from DNS, noise",
)
SOFTMAX = ("softmax MF", "softmax MF, hard weights", "softmax MF, FGSM", "softmax MF, noise")
LOWER_TEMPERATURE = "softmax MF, lower temperature"
AUTOENCODERS = ("autoencoder", "autoencoder, noise", "autoencoder, adversarial")
VARIATIONAL = ("Mult-VAE", "Mult-VAE, adversarial")
BLENDS = ("autoencoder + EASE", "adversarial autoencoder + EASE")
WALK_BLENDS = (
    "DNS + walk",
    "APR from DNS + walk",
    "softmax MF + walk",
    "softmax MF, FGSM + walk",
    "autoencoder + walk",
    "adversarial autoencoder + walk",
)
SOFTMAX_BLENDS = ("softmax MF + autoencoder", "softmax MF + adversarial autoencoder")
GANS = (
    "DNS start of IRGAN",
    "IRGAN, pointwise",
    "IRGAN, pairwise",
    "IRGAN's ablation",
    "CFGAN",
    "CFGAN, positives written",
    "CFGAN's ablation",
    "CFGAN, users' profiles",
)
GRAPH = ("LightGCN", "LightGCN, noise contrast", "LightGCN, adversarial contrast")
BASE = ("popularity", "EASE")
WITH_EASE = (
    *BASE,
    *FACTORIZATION,
    *APR,
    *SOFTMAX,
    *AUTOENCODERS,
    *VARIATIONAL,
    *BLENDS,
    *GANS,
    *GRAPH,
)
WITH_LOWER_TEMPERATURE = (*WITH_EASE, LOWER_TEMPERATURE)
ON_A_GRAPH = (
    "popularity",
    "walk on the graph",
    *FACTORIZATION,
    *APR,
    *SOFTMAX,
    *AUTOENCODERS,
    *VARIATIONAL,
    *WALK_BLENDS,
    *GRAPH,
)
