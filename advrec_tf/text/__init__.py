"""Language models as towers: encoding, robustness, adversarial training on texts, export."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cache": ["encode_texts"],
        "disturbed_texts": ["DisturbedTextTraining"],
        "language_model": ["LanguageItemTower", "LanguageModelTower"],
        "litert": ["LiteRTEncoder", "export_litert"],
        "noise": ["add_typos", "drop_words", "swap_synonyms"],
        "robustness": ["text_robustness"],
        "served_content": ["ServedContent"],
    },
)
