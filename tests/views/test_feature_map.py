"""The map of features: each in its place, selected, found and dead ones told apart, and no text that becomes markup."""

import numpy as np
import pytest

from interp_views.feature_map import FeatureMapView, Note, cluster_notes, feature_map
from interp_views.theme import DARK, LIGHT

N = 60


def view(**changes):
    rng = np.random.default_rng(0)
    x, y = rng.random((2, N)).astype(np.float32)
    colour = rng.normal(size=N)
    colour[:5] = np.nan
    x[7] = np.nan
    return FeatureMapView(
        **{"x": x, "y": y, "hover": [[f"F{index}"] for index in range(N)], "colour": colour, **changes}
    )


def points(figure):
    """Traces of features by whether they are grey, and the ring if there is one."""
    traces = [trace for trace in figure.data if trace.customdata is not None]
    return traces, [trace for trace in figure.data if trace.customdata is None]


def test_every_feature_with_a_place_is_drawn_once_where_it_lies():
    given = view()
    traces, rings = points(feature_map(given))
    drawn = {
        feature: (x, y) for trace in traces for feature, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }
    assert sorted(drawn) == [index for index in range(N) if index != 7]
    assert all(drawn[index] == (given.x[index], given.y[index]) for index in drawn)
    assert not rings


def test_features_without_a_colour_are_grey_and_said_so():
    traces, _ = points(feature_map(view(grey_label="dead in the harvest")))
    grey = [trace for trace in traces if isinstance(trace.marker.color, str) and len(trace.customdata)]
    assert [list(trace.customdata) for trace in grey] == [[0, 1, 2, 3, 4]]
    assert grey[0].name == "dead in the harvest" and grey[0].showlegend
    traces, _ = points(feature_map(view(colour=None)))
    assert all(isinstance(trace.marker.color, str) for trace in traces if len(trace.customdata))


def test_what_a_search_found_is_large_and_the_rest_fades():
    traces, _ = points(feature_map(view(found=np.array([9, 11]))))
    found = [trace for trace in traces if set(trace.customdata) == {9, 11}]
    rest = [trace for trace in traces if len(trace.customdata) and trace not in found]
    assert len(found) == 1
    assert all(
        trace.marker.opacity < found[0].marker.opacity and trace.marker.size < found[0].marker.size for trace in rest
    )


@pytest.mark.parametrize("dark", [False, True])
def test_the_selected_feature_is_ringed_unless_it_has_no_place(dark):
    given = view(chosen=12)
    _, rings = points(feature_map(given, dark))
    assert (rings[0].x[0], rings[0].y[0]) == (given.x[12], given.y[12])
    assert rings[0].marker.line.color == (DARK if dark else LIGHT).selected
    assert not points(feature_map(view(chosen=7), dark))[1]


def test_signed_colours_are_centred_on_0_and_others_span_what_there_is():
    given = view(signed=True)
    marker = next(trace.marker for trace in feature_map(given).data if trace.marker.showscale)
    largest = np.nanmax(np.abs(given.colour))
    assert (marker.cmin, marker.cmax) == (-largest, largest)
    marker = next(trace.marker for trace in feature_map(view()).data if trace.marker.showscale)
    assert (marker.cmin, marker.cmax) == (np.nanmin(given.colour), np.nanmax(given.colour))


@pytest.mark.parametrize("text", ["<a href='http://x'>y</a>", "<b>", "a&lt;b", "\u202e", "x\ny"])
def test_texts_stay_text(text):
    made = feature_map(view(hover=[[text]] * N, notes=[Note(0.5, 0.5, text)]))
    shown = [*(line for trace in points(made)[0] for line in trace.text), made.layout.annotations[0].text]
    for one in shown:
        assert "<" not in one and "\n" not in one and "\u202e" not in one
    assert "&amp;lt;" in shown[0] or "&lt;b" not in text


def test_places_where_features_share_a_word_are_named_and_others_are_not():
    x = np.concatenate([np.full(6, 0.05), np.full(6, 0.95), np.linspace(0.3, 0.6, 10)])
    words = ["rivers"] * 6 + ["lakes"] * 4 + ["", ""] + [f"w{index}" for index in range(10)]
    notes = cluster_notes(x, x, words)
    assert [(note.text, round(note.x, 2)) for note in notes] == [("rivers", 0.05), ("lakes", 0.95)]
    assert len(cluster_notes(x, x, words, most=1)) == 1
    assert cluster_notes(x, x, [""] * len(x)) == []
    assert cluster_notes(np.full(3, np.nan), np.full(3, np.nan), ["a"] * 3) == []


def test_a_word_that_is_everywhere_names_no_place():
    rng = np.random.default_rng(0)
    assert cluster_notes(*rng.random((2, 2000)), ["the"] * 2000) == []


def test_a_hundred_thousand_features_make_a_figure_that_can_be_sent():
    n = 100_000
    rng = np.random.default_rng(0)
    x, y, colour = rng.random((3, n)).astype(np.float32)
    made = feature_map(FeatureMapView(x, y, [["L14F12345", "automatic label: “word”"]] * n, colour))
    assert len(made.to_json()) < 15_000_000
