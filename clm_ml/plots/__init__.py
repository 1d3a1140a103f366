"""Figures people look at: functions from the frames that verbs give to Matplotlib figures, which a notebook shows.

| figure | asks | of |
|---|---|---|
| `plot_gaps` | how long is a usual silence, and the horizon beside it? | gaps between orders |
| `plot_lapse` | what would each threshold call lapsed, and which orders then came? | `check(config).lapse` |
| `plot_gains` | how many churners does a short list find? | outcomes, and each method's probability |
| `plot_reliability` | does a probability mean what it says? | `evaluation.reliability` |
| `plot_differences` | is the model better than each baseline, or is that chance? | `evaluation.compare_methods` |
| `plot_profit` | what would lists of each length have earned? | `evaluation.profit_curve` |
| `plot_grid` | where do customers stand? | `segment(…).grid` and `.table` |
| `plot_flows` | who moved between segments, and who will? | `transitions(…).observed` and `.predicted` |
| `plot_cohorts` | who of each month's new customers came again? | `cohorts(tables)` |
| `plot_at_risk` | in which segments does the value at risk lie? | scores, added up by segment |
| `plot_drivers` | what raises the risk, and what lowers it? | `model.risk_drivers` |
| `plot_risk_by_silence` | how does risk run with silence? | scores, in bands of silence |
| `plot_risk_by_score` | how does risk run with the scores? | scores, in R, F and M |
| `plot_promise` | what is the list expected to earn as one goes down it? | `rank(…).contact` |
| `plot_list` | what is this list expected to earn, and a longer one? | `rank(…).profits` |
| `plot_effects` | what did contacting bring, to all and to each segment? | `measure(…).table()` |
| `plot_uplift` | whom does a contact move? | `learn_uplift(…).curve` and `.deciles` |
| `plot_drift` | what has changed most since training? | the strongest of `monitor(…)` |

What a verb gives draws itself too, where one figure tells it: `segment(…).figure()`, and so what `transitions`, `rank`,
`measure_campaigns` and `learn_from_campaigns` give; `backtest(…).plots` has four. In a notebook most figures say their
numbers where the pointer rests; no script is needed for it.
"""

from clm_ml.plots.cohorts import plot_cohorts
from clm_ml.plots.drift import plot_drift
from clm_ml.plots.effects import plot_effects
from clm_ml.plots.flows import plot_flows
from clm_ml.plots.judging import plot_differences, plot_gain_curves, plot_gains, plot_profit, plot_reliability
from clm_ml.plots.lists import plot_list, plot_promise
from clm_ml.plots.paper import Picture
from clm_ml.plots.risk import plot_drivers, plot_risk_by_score, plot_risk_by_silence
from clm_ml.plots.segments import plot_at_risk, plot_grid, segment_colours
from clm_ml.plots.silence import plot_gaps, plot_lapse
from clm_ml.plots.uplift import plot_uplift

__all__ = [
    "Picture", "plot_at_risk", "plot_cohorts", "plot_differences", "plot_drift", "plot_drivers", "plot_effects",
    "plot_flows", "plot_gain_curves", "plot_gains", "plot_gaps", "plot_grid", "plot_lapse", "plot_list", "plot_profit",
    "plot_promise", "plot_reliability", "plot_risk_by_score", "plot_risk_by_silence", "plot_uplift", "segment_colours",
]  # fmt: skip
