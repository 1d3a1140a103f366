"""Figures show what they were given, and are drawn without a window."""

import io

import numpy as np
import pandas as pd
import pytest

from clm_ml.plots import (
    plot_at_risk,
    plot_drivers,
    plot_flows,
    plot_gain_curves,
    plot_gains,
    plot_profit,
    plot_promise,
    plot_reliability,
    plot_risk_by_score,
    plot_risk_by_silence,
    segment_colours,
)


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
    axes = plot_risk_by_silence(bands).axes[0]
    assert [text.get_text() for text in axes.texts] == ["25%"]
    assert axes.patches[0].get_label() == "short gaps: 25% of 3 customers"
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
