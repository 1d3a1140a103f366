"""The shop that ships with the package, and a simulated one whose truth is known.

Nothing heavy is imported until a shop is drawn, so that this package can be asked for its paths at once.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

__all__ = ["online_retail_config", "online_retail_path", "simulate"]


def online_retail_path() -> Path:
    """Find the real shop: order lines of an online retailer, 2010-12-01 to 2011-12-09, as published.

    "Online Retail", Daqing Chen (2015), UCI Machine Learning Repository, CC BY 4.0; see ATTRIBUTION.md beside it.

    >>> online_retail_path().name
    'online_retail.parquet'
    """
    return Path(str(resources.files(__name__) / "online_retail.parquet"))


def online_retail_config() -> Path:
    """Find the commented config of the real shop: beside it in an installed package, in `configs/` in a checkout."""
    name = "online_retail.yaml"
    beside = online_retail_path().with_name(name)
    return beside if beside.exists() else Path(__file__).parents[2] / "configs" / name


def simulate(
    customers: int,
    seed: int,
    out: str | Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    force: bool = False,
) -> dict[str, int]:
    """Write a shop of so many customers into a folder: six Parquet tables and `shop.yaml`.

    The same customers and seed give the same bytes, and the first customers of a large shop are those of a
    smaller one, in whole chunks of 20,000. Rows are sorted by customer, then time; instants are whole seconds in
    UTC without a zone, from 2024-01-01 to before 2025-12-31. About 20 order lines and 15 events a customer.

    - orders: an order line; `amount` is what was paid, in EUR, after `discount`. A returned line is a second row
      with the same order and product, a negative amount and `is_return`. No nulls, no exact duplicates.
    - events: null where a column means nothing for the type; `value` is 1 (bad) to 5.
    - customers: every buyer and about half of the visitors; email, phone, country, may_contact, age_band can be null.
    - contacts: seven past campaigns; half of the customers in each are `control`, not contacted, at no cost.
    - spend: EUR a day, channel and campaign.
    - truth: one row a customer. `order_rate` is orders per day in an average season; `drop_out_probability` is
      met after each order (more after a service failure); `dropped_out_at` is when interest is lost, 15 to 25 days
      after the last unprompted order, null if that does not happen before the end; these are null for visitors.
      `persuadable_effect` is the probability that a contact while lapsed (90 days) causes one extra order.

    The files are written into a hidden folder inside `out` and moved to their names when all are whole, the
    config last. A run that is killed leaves the hidden folder, which the next one removes.

    Args:
        customers: from 100 to 10,000,000, buyers and visitors.
        seed: 0 or more.
        out: the folder; made if it is not there.
        progress: called after each chunk with the customers done and all of them.
        force: replace files of these names.

    Returns:
        The number of rows of each table.

    Raises:
        UsageError: if customers or seed are outside their range, or the folder cannot be written.
        ArtifactError: if one of the files is there already and `force` is not given.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     rows = simulate(100, seed=1, out=folder)
    ...     sorted(path.name for path in Path(folder).iterdir())[-3:]
    ['shop.yaml', 'spend.parquet', 'truth.parquet']
    >>> rows["truth"], rows["spend"]
    (100, 2190)
    """
    from clm_ml.datasets.shop import write_shop  # noqa: PLC0415 – numpy and pyarrow, only when a shop is drawn

    return write_shop(customers, seed, Path(out), progress, force)
