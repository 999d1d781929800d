"""The subcommands of `continuo`: one module each, named like the command, exposing `command`.

The first line of a module's docstring is its line in `continuo --help`, read without importing it.
"""
