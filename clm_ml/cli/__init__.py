"""The street: verbs, arguments, and the one place where errors become words.

Everything heavy is imported inside the verbs, so that `clm-ml --help` answers at once.
"""

from clm_ml.cli.asking import app
from clm_ml.cli.verbs import main

# isort: split
from clm_ml.cli import destinations  # after the verbs of the walk, as help lists them

__all__ = ["app", "destinations", "main"]
