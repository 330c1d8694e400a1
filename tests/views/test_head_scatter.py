"""The map of heads says which head a point is, in a form that survives the browser."""

import json

import numpy as np

from interp_views.head_scatter import head_scatter


def test_a_point_names_its_head_as_a_list():
    figure = head_scatter(np.zeros((4, 2)), 2, 1, np.zeros(4))
    sent = json.loads(figure.to_json())
    assert sent["data"][0]["customdata"] == [[0], [1], [2], [3]]
    assert sent["data"][0]["text"][3] == "L1H1"
