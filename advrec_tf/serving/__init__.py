"""From a trained model to an answering server: SavedModels, their check, their clients."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "batch_lists": ["recommend_all"],
        "forms": ["export", "served_form"],
        "indexed": ["INDEX_FROM", "ServedByIndex"],
        "module": ["SIGNATURES", "Case", "ExportCheckError", "ServedModule", "Values"],
        "multi_task": ["ServedMultiTask"],
        "ranking": ["ServedRanking"],
        "rest_client": ["RestClient"],
        "saved_model": ["CheckReport", "check"],
        "saved_model_client": ["SavedModelClient"],
        "sequences": ["ServedSequences"],
        "values": ["ServingError"],
    },
)
