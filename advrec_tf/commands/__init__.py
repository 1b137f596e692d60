"""The commands of `advrec`: what is typed after it, a module each.

A command's module imports nothing heavy at its top, so that help and mistakes in arguments answer
at once; the function of the command imports what it runs.
"""
