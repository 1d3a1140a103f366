"""The street: verbs, arguments, and the one place where errors become words.

Everything heavy is imported inside the verbs, so that `clm-ml --help` answers at once.
"""

from clm_ml.cli.verbs import app, main

__all__ = ["app", "main"]
