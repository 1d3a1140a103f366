"""The street: verbs, arguments, and the one place where errors become words.

Everything heavy is imported inside the verbs, so that `clm-ml --help` answers at once.
"""

from clm_ml.cli.asking import app
from clm_ml.cli.verbs import main

# isort: split
# Help lists verbs in the order in which they are imported: those of the main walk first.
from clm_ml.cli.measure import measure

__all__ = ["app", "main", "measure"]
