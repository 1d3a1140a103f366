"""Figures show what they were given, and are drawn without a window."""

import io

import numpy as np
import pandas as pd
import pytest

from clm_ml.plots import (
    plot_at_risk,
    plot_differences,
    plot_drivers,
    plot_flows,
    plot_gain_curves,
    plot_gains,
    plot_gaps,
    plot_lapse,
    plot_profit,
    plot_promise,
    plot_reliability,
    plot_risk_by_score,
    plot_risk_by_silence,
    segment_colours,
)
from clm_ml.plots.paper import blank


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].get_lines()}


def png(figure):
    with io.BytesIO() as written:
        figure.savefig(written, format="png")
        return written.getvalue()


def test_reliability_has_a_point_a_bin_beside_the_diagonal():
    bins = pd.DataFrame({"predicted": [0.1, 0.8], "happened": [0.2, 0.75], "customers": [100, 50]})
    figure = plot_reliability(bins)
    axes = figure.axes[0]
    assert lines(figure)["as predicted"].get_xydata().tolist() == [[0, 0], [1, 1]]
    points = axes.containers[0].lines[0]
    assert points.get_xydata().tolist() == [[0.1, 0.2], [0.8, 0.75]]
    bars = [segment[:, 1] for segment in axes.containers[0].lines[2][0].get_segments()]
    assert bars[0].tolist() == pytest.approx([0.2 - 0.0784, 0.2 + 0.0784], abs=1e-6)
    assert axes.get_xlabel() == "Predicted churn probability"
    assert axes.get_ylabel() == "Share that churned"
    assert png(figure).startswith(b"\x89PNG")


def test_gains_rise_from_nobody_to_everybody_riskiest_first():
    churned = [1, 0, 1, 0]
    figure = plot_gains(churned, {"model": [0.9, 0.1, 0.8, 0.2], "rule": [0.1, 0.9, 0.8, 0.2]})
    drawn = lines(figure)
    assert drawn["model"].get_xydata().tolist() == [[0, 0], [0.25, 0.5], [0.5, 1], [0.75, 1], [1, 1]]
    assert drawn["rule"].get_ydata().tolist() == [0, 0, 0.5, 0.5, 1]
    assert drawn["at random"].get_xydata().tolist() == [[0, 0], [1, 1]]
    assert drawn["model"].get_linewidth() > drawn["rule"].get_linewidth()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["model", "rule", "at random"]


def test_the_same_figures_have_the_same_bytes():
    rng = np.random.default_rng(1)
    churned, said = rng.integers(0, 2, 50), rng.random(50)
    assert png(plot_gains(churned, {"model": said})) == png(plot_gains(churned, {"model": said}))


# what a notebook shows -----------------------------------------------------------------------------------------


def test_a_figure_shows_itself_as_png_and_the_pointer_finds_its_words():
    figure, axes = blank("days", "customers")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure._repr_html_() is None  # nothing is told, so the PNG is enough
    before = png(figure)
    figure.tell_along(axes, [], [], [])
    assert png(figure) == before
    figure.tell(axes.plot([1, 2], [3, 4])[0], "<b>four</b> after two")
    shown = figure._repr_html_()
    assert shown.startswith("<div><svg")
    assert "<title>&lt;b&gt;four&lt;/b&gt; after two</title>" in shown
    assert "told-" not in shown
    assert "<script" not in shown


def test_what_answers_the_pointer_is_not_seen():
    figure, axes = blank("x", "y")
    axes.plot([0, 1], [0, 1], label="seen")
    axes.legend()
    before = png(figure)
    figure.tell_along(axes, [0.5], [0.5], ["the middle"])
    axes.legend()
    assert png(figure) == before
    with pytest.raises(ValueError, match="shorter"):
        figure.tell_along(axes, [0.5], [0.5], [])


def test_equal_estimates_find_churners_evenly_in_whatever_order_their_rows_lie():
    drawn = lines(plot_gains([1, 1, 0, 0], {"constant": [0.5] * 4, "two": [0.2, 0.9, 0.2, 0.9]}))
    assert drawn["constant"].get_ydata().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert drawn["two"].get_ydata().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert lines(plot_gains([1, 0, 1], {"rule": [0.9, 0.9, 0.1]}))["rule"].get_ydata().tolist() == [0, 0.25, 0.5, 1]


def test_methods_have_colours_of_their_own():
    said = {name: [0.9, 0.1] for name in ("model", "a", "b", "c", "d")}
    drawn = lines(plot_gains([1, 0], said))
    assert len({drawn[name].get_color() for name in said}) == 5


# before anything is learned ------------------------------------------------------------------------------------


def test_gaps_that_have_ended_by_the_horizon_are_in_the_title():
    figure = plot_gaps([10, 20, 30, 40, np.nan], horizon_days=20)
    axes = figure.axes[0]
    assert axes.get_title() == "50% of gaps between orders end within 20 days"
    ended = dict(zip(*axes.get_lines()[0].get_data(), strict=True))
    assert (ended[9], ended[10], ended[19], ended[20], ended[39]) == (0, 0.25, 0.25, 0.5, 0.75)
    assert "<title>50% of gaps end within 20 days</title>" in figure._repr_html_()


def test_without_a_gap_the_figure_says_so():
    assert plot_gaps([np.nan], horizon_days=30).axes[0].get_title() == "Nobody has ordered twice"


def test_a_threshold_is_drawn_with_what_it_costs_and_the_one_in_use_is_marked():
    table = pd.DataFrame(
        {
            "after_gaps": [1.0, 2.0],
            "lapsed_customers": [6, 3],
            "lapsed_share": [0.6, 0.3],
            "later_orders_share": [0.2, 0.1],
        }
    )
    figure = plot_lapse(table, after_gaps=2.0)
    drawn = lines(figure)
    assert drawn["of customers are called lapsed"].get_ydata().tolist() == [0.6, 0.3]
    assert drawn["of the orders that came were theirs"].get_ydata().tolist() == [0.2, 0.1]
    assert list(drawn["in use: 2 gaps"].get_xdata()) == [2.0, 2.0]
    assert "after 1 gaps: 20.0% of the orders that came were theirs" in figure._repr_html_()
    assert not any(label.startswith("in use") for label in lines(plot_lapse(table)))


def test_better_than_a_baseline_is_to_the_right_whichever_way_the_figure_counts():
    told = {
        "rule": {"log_loss": (-0.2, -0.3, -0.1), "auc": (0.05, 0.01, 0.09)},
        "better rule": {"log_loss": (0.2, 0.1, 0.3), "auc": (0.0, -0.1, 0.1)},
    }
    figure = plot_differences(told)
    loss, auc = figure.axes
    limits = [list(line.get_xdata()) for line in loss.get_lines() if len(line.get_xdata()) == 2][1:]
    assert limits == [[0.1, 0.3], [-0.3, -0.1]]
    colours = [line.get_color() for line in auc.get_lines() if len(line.get_xdata()) == 1]
    assert len(set(colours)) == 2
    assert [label.get_text() for label in loss.get_yticklabels()] == ["rule", "better rule"]
    assert "<title>rule: +0.2000, between +0.1000 and +0.3000</title>" in figure._repr_html_()


def test_gains_and_profit_counted_elsewhere_are_drawn_as_they_are_given():
    gains = plot_gain_curves({"model": pd.Series([0.0, 0.7, 1.0], [0.0, 0.5, 1.0])})
    assert lines(gains)["model"].get_xydata().tolist() == [[0, 0], [0.5, 0.7], [1, 1]]
    profit = plot_profit({"model": pd.Series([0.0, 5.0, 4.0, -90.0], [0, 10, 20, 900])}, "GBP")
    assert lines(profit)["model"].get_xydata().tolist() == [[0, 0], [10, 5], [20, 4]], (
        "thrice the best length is enough"
    )


def test_drivers_go_both_ways_from_nothing():
    figure = plot_drivers(pd.DataFrame({"theme": ["recency", "money"], "raises": [0.1, 0.0], "lowers": [0.2, 0.05]}))
    ends = [[round(bar.get_width(), 6) for bar in bars] for bars in figure.axes[0].containers]
    assert ends == [[10, 0], [-20, -5]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["+10.0", "−20.0", "+0.0", "−5.0"]


def test_risk_is_drawn_by_silence_and_score_with_nothing_where_nobody_is():
    bands = pd.DataFrame({"band": ["short", "long"], "customers": [3, 0], "churn_probability": [0.25, np.nan]})
    figure = plot_risk_by_silence(bands)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["25%"]
    assert list(figure.said.values()) == ["short gaps: 25% of 3 customers"]
    scores = pd.DataFrame({"R": [0.9, 0.1], "F": [np.nan, 0.2], "M": [0.8, 0.3]}, index=[1, 5])
    drawn = lines(plot_risk_by_score(scores))
    assert drawn["R, how lately"].get_xydata().tolist() == [[1, 0.9], [5, 0.1]]
    assert len({(line.get_color(), line.get_marker()) for line in drawn.values()}) == 3


def test_value_at_risk_is_drawn_in_the_colours_of_all_segments():
    table = pd.DataFrame({"phase": ["retention"] * 2, "segment": ["first_time", "recent"], "value_at_risk": [0.0, 9.0]})
    axes = plot_at_risk(table, "GBP").axes[0]
    (bar,) = axes.patches
    assert bar.get_facecolor()[:3] == segment_colours({"first_time": "retention", "recent": "retention"})["recent"]
    assert [text.get_text() for text in axes.texts] == ["100%"]


def test_a_promise_adds_up_and_says_where_half_of_it_is():
    axes = plot_promise([4.0, 3.0, 1.0], "GBP").axes[0]
    assert axes.get_lines()[0].get_xydata().tolist() == [[0, 0], [1, 4], [2, 7], [3, 8]]
    assert axes.texts[0].get_text() == "half of it from the first 1"


def test_names_of_flows_keep_apart_and_within_the_figure():
    names = [f"segment_{number}" for number in range(11)]
    sizes = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 990]
    figure = plot_flows(pd.DataFrame(np.diag(sizes), names, names), None, dict.fromkeys(names, "retention"), ("a", "b"))
    places = [text.get_position()[1] for text in figure.axes[0].texts if text.get_position()[0] < 0]
    assert len(places) == 11
    assert min(-np.diff(places)) >= 0.048 - 1e-9
    assert min(places) >= figure.axes[0].get_ylim()[0]
    assert max(places) < 1.14, "below the day"
