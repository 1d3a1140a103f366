"""The back door: a folder of files with a manifest, written whole or not at all.

A box is filled in a hidden folder beside its place and renamed when it is complete, so that nothing half-written
ever stands under its final name. Whoever fills a box holds a lock on the hidden folder; the next run removes hidden
folders that nobody holds, and leaves alone those of runs that are still going on. Folders are made, renamed and
removed one run at a time, under a lock on the folder around them.
"""

from clm_ml.artifacts.boxes import Box, find_boxes, new_box, open_box, refuse_existing
from clm_ml.artifacts.manifests import FORMAT, json_text
from clm_ml.artifacts.places import alone_in, as_path, refuse_existing_file, sentences, tidy_below, whole_file

__all__ = [
    "FORMAT",
    "Box",
    "alone_in",
    "as_path",
    "find_boxes",
    "json_text",
    "new_box",
    "open_box",
    "refuse_existing",
    "refuse_existing_file",
    "sentences",
    "tidy_below",
    "whole_file",
]
