"""Interactions, readers, splits, filters, batches, augmentation, and the synthetic world."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["audit", "batches", "filters", "splits"],
    submod_attrs={
        "augmentation": ["AugmentedInteractions"],
        "features": ["Column"],
        "interactions": ["Interactions", "Vocabulary"],
        "knowledge_graph": ["KnowledgeGraph"],
        "metadata": ["attach_item_text", "items_without_text", "join_texts"],
        "next_item": ["NextItemQueries", "queries_of", "queries_of_sessions"],
        "readers.files": ["DataError", "MissingColumnError"],
        "readers.frames": ["from_frame", "read_parquet"],
        "readers.labeled_fraud": ["load_spam"],
        "readers.loading": ["load"],
        "readers.movielens": ["read_movielens"],
        "readers.published_sequences": ["load_sequences", "load_sessions"],
        "readers.published_splits": ["load_benchmark"],
        "readers.report": ["Loaded", "ReadReport"],
        "readers.shilling": ["load_shilling"],
        "readers.side_tables": ["read_attributes", "read_texts"],
        "schema": ["Schema"],
        "sequences": ["sequences_of"],
        "splits": ["Split", "global_time", "last_day", "last_item", "random_ratio"],
        "streams.counted": ["CountedInteractions", "counted"],
        "streams.conversion": ["convert"],
        "streams.hashed": ["HashedVocabulary"],
        "streams.histories": ["stream_windows"],
        "streams.holding": ["StreamSplit", "hold_out"],
        "streams.service": ["service_dataset"],
        "streams.stream": ["Position", "Stream", "stream"],
        "streams.vocabularies": ["CountedIds", "count_ids", "load_ids"],
        "synthetic": ["make_world"],
        "windows": ["Windows", "last_windows", "of_windows", "training_windows"],
    },
)
