"""What to do with whom: the playbook."""

from clm_ml.lifecycle.playbook import Play, playbook

__all__ = ["Play", "playbook"]
