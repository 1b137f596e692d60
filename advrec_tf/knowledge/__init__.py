"""Knowledge graphs: embeddings, link prediction, joint factorization, explanations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "embeddings": ["Corruptions", "KnowledgeEmbedding", "Logistic", "Margin"],
        "explanations": ["explain"],
        "factorization": ["KnowledgeFactorization"],
        "link_prediction": ["LinkPredictionEvaluator"],
        "scores": ["DistMult", "RotatE", "TransE"],
    },
)
