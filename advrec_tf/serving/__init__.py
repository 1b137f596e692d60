"""SavedModels for TensorFlow Serving: export, check through the C API, clients."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "answers": ["ExportCheckError"],
        "client": ["RestClient", "SavedModelClient"],
    },
)
