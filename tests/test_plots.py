"""Figures show what they were given, and are drawn without a window."""

import io

import numpy as np
import pandas as pd
import pytest

from clm_ml.plots import plot_gains, plot_reliability


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
