"""Studies: they measure the library and write the results pages; not part of the package."""
