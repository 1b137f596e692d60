"""What scores items: baselines, factorization, towers, autoencoders, graphs, sequences."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attribute_baselines": ["GroupPopularity"],
        "autoencoder": ["ProfileAutoencoder"],
        "base": ["MatrixRecommender", "Recommender"],
        "baselines": ["EASE", "ItemKNN", "Popularity", "RandomWalk", "RecentPopularity"],
        "blend": ["Blend", "HistoryBlend"],
        "content.modalities": ["Modality"],
        "content.two_tower": ["ContentTwoTower", "content_two_tower"],
        "factorization.distilled": ["DistilledFactorization", "teacher_lists"],
        "factorization.implicit_factorization": ["ImplicitFactorization"],
        "factorization.matrix_factorization": ["MatrixFactorization"],
        "factorization.negatives": [
            "ByPopularity",
            "DNS",
            "Generator",
            "InBatch",
            "Mixed",
            "Uniform",
        ],
        "factorization.rating_factorization": ["BiasedFactorization"],
        "graph.light_gcn": ["Contrast", "LightGCN"],
        "item_similarity": ["co_occurring_items", "nearest_items"],
        "multi_task": ["MultiTaskModel", "multi_task_tower"],
        "objectives": ["BPR", "SampledSoftmax"],
        "ranking": ["RankingModel", "ranking_tower"],
        "retrieval": ["TwoTower", "two_tower"],
        "sequential.baselines": ["MarkovChain"],
        "sequential.encoders": ["EncoderSize"],
        "sequential.model": ["SequenceModel"],
        "sequential.objectives": ["BinaryCrossEntropy", "FullSoftmax"],
        "sequential.published": ["bert4rec", "bsarec", "fmlp", "gru4rec", "hstu", "sasrec"],
        "sequential.start": ["transition_vectors"],
        "sequential.transitions": ["Transitions"],
        "trained": ["RecommenderModel"],
        "variational": ["EvidenceBound", "VariationalAutoencoder"],
        "vectors": ["VectorRecommender", "load_vectors", "save_vectors", "with_popularity_prior"],
    },
)
