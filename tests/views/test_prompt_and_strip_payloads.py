import numpy as np
import pytest

from interp_views.prompt_view import prompt_payload
from interp_views.token_strip import StripView, strip_payload
from tests.views.conftest import TOKENS, first_is_special, prompt_view
from tests.views.reading import unpack


def strip(**changes) -> StripView:
    return StripView(TOKENS, first_is_special(len(TOKENS)), **changes)


def test_losses_travel_as_they_are_with_nothing_at_the_first_token():
    view = prompt_view()
    header, arrays = unpack(prompt_payload(view))
    np.testing.assert_array_equal(arrays["loss"], view.loss)
    assert np.isnan(arrays["loss"][0])
    assert header["texts"]["7"] == "·the"
    assert header["k"] == 2


def test_a_loss_that_is_missing_after_the_first_token_is_refused():
    loss = prompt_view().loss.copy()
    loss[3] = np.nan
    with pytest.raises(ValueError, match="loss holds nan"):
        prompt_payload(prompt_view(loss=loss))


def test_a_probability_above_one_is_refused():
    with pytest.raises(ValueError, match="probability holds 2"):
        prompt_payload(prompt_view(probability=np.full(len(TOKENS), 2.0, np.float32)))


def test_a_predicted_token_without_a_text_is_refused():
    with pytest.raises(ValueError, match="no text for the predicted token id 7"):
        prompt_payload(prompt_view(top_tokens={}))


def test_arrays_of_another_length_than_the_prompt_are_refused():
    full = prompt_view()
    with pytest.raises(ValueError, match=r"ids has shape \(10,\) but there are 9 tokens"):
        prompt_payload(
            prompt_view(
                tokens=TOKENS[:9],
                **{
                    name: getattr(full, name)
                    for name in ("ids", "loss", "probability", "rank", "top_ids", "top_tokens", "top_probability")
                },
            )
        )


def test_a_strip_without_a_shade_sends_no_array():
    header, arrays = unpack(strip_payload(strip(pos=2, bold_until=4)))
    assert arrays == {}
    assert (header["pos"], header["bold_until"], header["breaks"]) == (2, 4, [])


def test_a_shade_beyond_the_scale_is_refused():
    with pytest.raises(ValueError, match="scale it to 0 to 1"):
        strip_payload(strip(shade=np.full(len(TOKENS), 3.0, np.float32)))
