"""Bars of a sum: what they hold and what is refused."""

import numpy as np
import pytest

from interp_views.attribution_bars import layer_bars, ranked_bars


def test_the_line_ends_at_the_sum_of_all_bars():
    attention, mlp = np.float32([1, -2, 3]), np.float32([0.5, 0.25, -1])
    figure = layer_bars(0.5, attention, mlp, -0.125, unit="logits")
    line = next(trace for trace in figure.data if trace.type == "scatter")
    assert line.y[-1] == pytest.approx(0.5 + attention.sum() + mlp.sum() - 0.125)
    assert list(line.x) == ["embedding", "0", "1", "2", "constant"]
    bars = {trace.name: trace for trace in figure.data if trace.type == "bar"}
    assert list(bars["attention"].customdata) == [0, 1, 2]
    assert figure.layout.yaxis.title.text == "logits"


def test_ranked_bars_keep_their_order_and_colour_the_sign():
    figure = ranked_bars(["L1N2", "L0N7"], np.float32([0.5, -0.25]), unit="logits", dark=True)
    assert list(figure.data[0].y) == ["L1N2", "L0N7"]
    assert len(set(figure.data[0].marker.color)) == 2


def test_a_name_for_each_value_is_needed():
    with pytest.raises(ValueError, match="1 names for 2 values"):
        ranked_bars(["a"], np.zeros(2, np.float32), unit="logits")
