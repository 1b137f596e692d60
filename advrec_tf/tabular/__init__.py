"""Generated tables: schema, codecs, generators, fidelity, disclosure, export."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "controls": ["Bootstrap", "IndependentMarginals", "UniformNoise"],
        "counted": ["CountedTable", "count_table"],
        "files": ["read_table", "write_table"],
        "gan": ["TableGAN", "build_table_gan"],
        "private_gan": ["PrivateTableGAN"],
        "schema": ["infer"],
        "training": ["fit_table_generator"],
        "transform": ["TableTransform"],
        "user_tables": ["user_table"],
        "vae": ["TableVAE", "build_table_vae"],
    },
)
