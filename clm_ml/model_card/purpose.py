"""What holds of every model of this project: what it is for and not for, what it cannot know, how it is retired."""

from __future__ import annotations

__all__ = ["LIMITS", "NOT_FOR", "USES", "retiring"]

USES = (
    "ranking customers by what contacting them is worth, within a budget and with a holdout that tells what it earned;",
    "planning: how many customers will be in which segment, and what they will spend;",
    "looking at one customer before talking to them.",
)

NOT_FOR = (
    "decisions with legal or similarly grave effects for a person: credit, prices, insurance, employment, access to "
    "a service;",
    "telling what a contact causes: a high risk is no promise that somebody can be persuaded; `measure` and `uplift` "
    "tell;",
    "customers of another shop, or people whose orders the log does not hold;",
    "customers who object to profiling: `list.scores_of: permitted` does not score them.",
)

LIMITS = (
    "It knows the order log, events and contacts, and nothing else: no prices of rivals, no moves, no deaths, no "
    "orders made under another id.",
    "Who has just come, and who orders once a year, is hardly known: their probabilities lie near those of everybody.",
    "Features know no calendar: a season that the log has not shown a year ago comes as a surprise, and levels are "
    "then off while the order of customers is still right.",
    "Figures of small segments and groups are uncertain: the brackets say how much.",
    "It was judged on one window of days; another window has another season.",
    "It is right only while the shop is as it was: prices, range and what is logged. `monitor` looks for that.",
    "Past campaigns are in the orders it learned from: who was brought back by one counts as having come.",
)


def retiring(project: str, learned_on: str, horizon_days: int) -> tuple[str, ...]:
    """Say when to look again and how to take a model out of use.

    Args:
        project: the registered model's name.
        learned_on: ISO day.
        horizon_days: of the task.
    """
    return (
        "Hold each night's scores against this card's reference: `clm-ml monitor CONFIG --scores DIR`; exit code 18 "
        f"is an alarm. {horizon_days} days after a score it tells whether it came true.",
        "Train again after an alarm that is real, and at least once a season; what beats its baselines and this "
        "model becomes champion by itself.",
        f"To take it out of use, move the alias `champion` of the registered model `{project}` to another version, or "
        "delete the alias: `score` then refuses until there is one. Scores, lists and campaigns that it made stay, "
        "and name it.",
        f"To delete it, delete its version in the registry, its run, and its box (`models/{project}-{learned_on}`, "
        "unless it was written elsewhere). Lists whose reasons were not written then cannot get them any more; "
        "`monitor` and `export` say so. Boxes of scores and lists tell of people and are pruned by their own dates "
        "(`clm-ml prune`).",
    )
