"""How fast the package trains and ranks as the catalogue grows, and beside other libraries.

`cells` measures one training method on one catalogue, `beside` takes turns with another
library's command, `report` shows what was found. Nothing here says whether a model is any
good. The modules load no TensorFlow themselves, so that a mistake in the arguments answers at
once.
"""
