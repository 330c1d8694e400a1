import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interp_views.wire import DTYPES, addressed, header_of, lower_triangle, pack, to_uint8
from tests.views.reading import unpack

ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
    ),
    max_size=4,
)


@given(ARRAYS, st.booleans())
def test_every_array_comes_back_bit_for_bit(arrays, compress):
    header, read = unpack(pack({"title": "é⏎"}, arrays, compress))
    assert header["title"] == "é⏎"
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()


def test_the_blob_and_every_array_in_it_are_aligned():
    message = pack({"a": "b"}, {"x": np.ones(3, np.uint8), "y": np.ones(2, np.float32)})
    header, _ = unpack(message)
    assert (4 + int.from_bytes(message[:4], "little")) % 8 == 0
    assert header["arrays"]["y"]["offset"] == 8


def test_deflate_is_used_only_where_it_makes_the_message_smaller():
    noise = np.random.default_rng(0).integers(0, 256, 200).astype(np.uint8)
    assert unpack(pack({}, {"noise": noise}))[0]["encoding"] == "raw"
    assert unpack(pack({}, {"zeros": np.zeros(200, np.uint8)}))[0]["encoding"] == "deflate"


def test_shuffling_makes_smooth_floats_smaller_than_deflate_alone():
    smooth = np.linspace(0, 1, 4096, dtype=np.float32)
    unshuffled = pack({}, {"smooth": smooth.view(np.uint8)})
    assert len(pack({}, {"smooth": smooth})) < 0.8 * len(unshuffled)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_header_with_a_number_that_json_lacks_is_refused(value):
    with pytest.raises(ValueError, match="NaN or an infinity"):
        pack({"mean": float(value)}, {})


def test_missing_values_travel_in_float_arrays():
    _, arrays = unpack(pack({}, {"loss": np.float32([np.nan, 1.5, np.inf])}))
    np.testing.assert_array_equal(arrays["loss"], np.float32([np.nan, 1.5, np.inf]))


def test_a_dtype_without_a_typed_array_is_refused_by_name():
    with pytest.raises(ValueError, match="'ids' has dtype int64"):
        pack({}, {"ids": np.arange(3)})


def test_a_header_may_not_use_the_keys_of_the_format():
    with pytest.raises(ValueError, match="'encoding'"):
        pack({"encoding": "mine"}, {})


def test_the_lower_triangle_runs_row_by_row():
    patterns = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    np.testing.assert_array_equal(lower_triangle(patterns), [[0, 3, 4, 6, 7, 8]])


@given(hnp.arrays(np.float32, 50, elements=st.floats(0, 1, width=32)))
def test_a_rounded_probability_is_within_half_a_step(values):
    assert np.abs(to_uint8(values) / 255 - values).max() <= 0.5 / 255 + 1e-6


def test_a_message_gets_an_address_and_keeps_its_header_and_arrays():
    message = pack({"part": "x"}, {"cells": np.arange(5, dtype=np.int32)})
    header, arrays = unpack(addressed(message, "a.key"))
    assert (header["to"], header["part"]) == ("a.key", "x")
    assert header_of(message)["part"] == "x"
    np.testing.assert_array_equal(arrays["cells"], np.arange(5))
