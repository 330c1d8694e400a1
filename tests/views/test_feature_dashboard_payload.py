import numpy as np
import pytest

from interp_views.feature_dashboard import Bars, ExampleGroup, Rows, feature_dashboard_payload, features_payload
from tests.views.feature_views import ACTIVATIONS, TOKENS, example, feature_view, losses, scores, usual_view
from tests.views.reading import unpack


def with_example(**changes):
    return {"groups": (ExampleGroup("Top", "", (example(4, **changes),)),)}


def with_losses(**changes):
    fields = {name: getattr(losses(), name) for name in ("exact", "direct", "before", "after", "up", "down")}
    return with_example(losses=type(losses())(**(fields | changes)))


def with_rows(**changes):
    fields = {"title": "Close", "columns": ("index", "cosine"), "indices": (1,), "values": np.float32([[1]]), "decimals": (3,)}  # fmt: skip
    return {"tables": (Rows(**(fields | changes)),)}


def test_numbers_travel_as_they_are_and_every_token_once():
    header, arrays = unpack(feature_dashboard_payload(feature_view()))
    feature = header["features"][0]
    first = feature["groups"][0]["examples"][0]
    start, count = first["values"]
    np.testing.assert_array_equal(arrays["numbers"][start : start + count], ACTIVATIONS)
    start, count = feature["activations"]["edges"]
    np.testing.assert_array_equal(arrays["numbers"][start : start + count], [1, 2, 4, 8])
    texts = bytes(arrays["words"]).decode().split("\n")
    start, count = first["tokens"]
    places = arrays["places"][start : start + count]
    assert [texts[place] for place in places] == ["·on", "·Monday", "⏎", "·the", TOKENS[4].replace(" ", "·"), "·שלום"]
    np.testing.assert_array_equal(arrays["word_ids"][places], range(100, 106))
    # Fourteen examples of the same six tokens, and the tokens of the lists, which have no ids.
    assert len(texts) == len(set(zip(texts, arrays["word_ids"].tolist(), strict=True))) == 6 + 7
    assert not header["compact"]


def test_texts_of_people_keep_their_spaces_and_show_what_cannot_be_seen():
    view = feature_view(label="days \u202eof\nthe week", facts=(("a\x00", "b\ud800"),), name="L1F2\u200b")
    feature = unpack(feature_dashboard_payload(view))[0]["features"][0]
    assert feature["label"] == "days ⟨U+202E⟩of⏎the week"
    assert feature["facts"] == [["a␀", "b⟨U+D800⟩"]]
    assert feature["name"] == "L1F2⟨U+200B⟩"


def test_an_unknown_density_is_null():
    feature = unpack(feature_dashboard_payload(feature_view(density=np.nan)))[0]["features"][0]
    assert feature["density"] is None


def test_several_features_share_their_tokens():
    one = len(feature_dashboard_payload(usual_view(), compact=True))
    header, arrays = unpack(features_payload([usual_view()] * 5))
    assert header["compact"] and len(header["features"]) == 5
    assert len(arrays["word_ids"]) < 1200
    assert len(features_payload([usual_view()] * 5)) < 5 * one


def test_a_usual_dashboard_is_small():
    sizes = [len(feature_dashboard_payload(usual_view(with_losses=each))) for each in (False, True)]
    assert sizes[0] < 20_000, sizes
    assert sizes[1] < 90_000, sizes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": 1.5}, r"L14F231: the density is 1.5: give a share from 0 to 1"),
        ({"largest": np.inf}, "the largest activation is inf"),
        ({"label_by": "me"}, "label_by is 'me'"),
        ({"label": "a" * 4001}, "a text has 4,001 characters"),
        ({"logits": Bars(np.array([1, 2]), np.float32([0, 1]))}, "the logits histogram has 2 counts and 2 edges"),
        ({"logits": Bars(np.zeros(0, int), np.float32([1]))}, "at least one count"),
        ({"logits": Bars(np.array([1, 2]), np.float32([0, 2, 1]))}, "finite and ascending"),
        ({"logits": Bars(np.array([1]), np.float32([0, np.inf]))}, "finite and ascending"),
        ({"activations": Bars(np.array([1]), np.float32([0, 1]), log=True)}, "log2 axis and an edge at 0"),
        ({"activations": Bars(np.array([-1]), np.float32([0, 1]))}, "counts of the activations histogram"),
        ({"logits": Bars(np.ones(1025, int), np.arange(1026, dtype=np.float32))}, "1,025 bins"),
        ({"promoted": scores(1, np.nan)}, "promoted tokens: the values hold an infinity or NaN"),
        ({"suppressed": type(scores())((" a",), np.float32([1, 2]))}, r"suppressed tokens: .* shape \(2,\) but .* 1 tokens"),
        (with_rows(values=np.float32([[1, 2]])), r"Close has values of shape \(1, 2\)"),
        (with_rows(decimals=(9,)), "give 0 to 8 each"),
        (with_rows(kind="head"), "of kind 'head'"),
        (with_rows(values=np.float32([[np.inf]])), "Close: the values hold an infinity"),
        (with_example(peak=6), "example 4 has 6 tokens, 6 ids and its peak at 6"),
        (with_example(ids=(1,)), "example 4 has 6 tokens, 1 ids"),
        (with_example(tokens=(), ids=()), "example 4 has 0 tokens"),
        (with_example(activation=np.nan), "example 4 has the activation nan"),
        (with_example(activations=np.zeros(5, np.float32)), r"activations of example 4: .* shape \(5,\)"),
        (with_example(sources=np.full(6, np.inf, np.float32)), "sources of example 4: the values hold an infinity"),
        (with_losses(up=(None,)), "example 4 has 1 and 6 lists of contributions"),
        (with_losses(**dict.fromkeys(("exact", "direct", "before", "after"), np.zeros(7, np.float32))), "exact of example 4"),
        ({"groups": (ExampleGroup("", "", (example(),) * 2001),)}, "2,001 examples"),
        ({"facts": (("a", "b"),) * 201}, "201 facts"),
    ],
)  # fmt: skip
def test_what_makes_no_dashboard_is_refused_by_the_name_of_the_part(changes, message):
    with pytest.raises(ValueError, match=message):
        feature_dashboard_payload(feature_view(**changes))


def test_too_many_features_are_refused():
    with pytest.raises(ValueError, match="101 features: at most 100"):
        features_payload([feature_view()] * 101)
