"""How large trees should grow where examples are many: what each size loses on the last as_of, and costs to ask.

python benchmarks/growth.py DIR (a simulated shop)
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import cpu
from sklearn.metrics import log_loss, roc_auc_score

from clm_ml.config import load_config
from clm_ml.evaluation import judge_as_of
from clm_ml.examples import Examples, collect_examples, training_as_ofs
from clm_ml.features import catalogue
from clm_ml.model.trees import Growth, fit_trees
from clm_ml.snapshot import prepare
from clm_ml.tables import read_tables

#: Leaves a tree, and trees.
SIZES = ((7, 150), (15, 150), (15, 200), (31, 200), (31, 300), (63, 300))


@dataclass(frozen=True)
class Shop:
    """What is learned from and judged on, and the features that are learned, with their signs."""

    past: pd.DataFrame
    came: pd.DataFrame
    signs: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", type=Path)
    shop = read(parser.parse_args().shop)
    print(f"{len(shop.past):,} examples, judged on {len(shop.came):,} customers, trees alone\n")
    print("| leaves | trees | log loss | AUC | learning, CPU s | asking, CPU s a million |\n|---|---|---|---|---|---|")
    for leaves, rounds in SIZES:
        print(judged(shop, Growth(leaves, rounds, seeds=1, rows_a_leaf=200)), flush=True)


def read(folder: Path) -> Shop:
    config = load_config(folder / "shop.yaml")
    tables = read_tables(config)
    day = tables.complete_until
    examples = collect_examples(prepare(tables), config, training_as_ofs(config, tables.first_day, day), day)
    tables.engine.close()
    early, last = judge_as_of(examples.as_ofs, config.task.horizon_days)
    signs = {feature.name: feature.sign for feature in catalogue(config.task, tables.inputs) if feature.learned}
    return Shop(_buyers(examples.at(early, last)), _buyers(examples.at([last])), signs)


def _buyers(examples: Examples) -> pd.DataFrame:
    return examples.frame[examples.frame["orders_ever"] > 0].reset_index(drop=True)


def judged(shop: Shop, growth: Growth) -> str:
    columns = [name for name in shop.signs if name in shop.past]
    begun = cpu()
    trees = fit_trees(shop.past, columns, shop.past["ordered"], shop.signs, "binary", 1, growth)
    learned = cpu()
    trees.raw(shop.came.head(1))  # reads the text, once
    read_at = cpu()
    said = 1 / (1 + np.exp(-trees.raw(shop.came)))
    asking = (cpu() - read_at) / len(shop.came) * 1e6
    loss, auc = log_loss(shop.came["ordered"], said), roc_auc_score(shop.came["ordered"], said)
    return f"| {growth.leaves} | {growth.rounds} | {loss:.5f} | {auc:.5f} | {learned - begun:.0f} | {asking:.1f} |"


if __name__ == "__main__":
    main()
