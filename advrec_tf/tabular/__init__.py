"""Generated tables: schema, codecs, generators, fidelity, disclosure, export."""
