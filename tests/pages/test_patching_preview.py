"""Where the gradient foretells nothing, the patching page says why its first picture is not an estimate."""

from tests.pages.conftest import words

PAIR = {"prompt": "a b c a b", "corrupted": "a b d a b", "metric": "kl"}


def test_kl_into_the_clean_run_has_no_preview_and_says_so(visit):
    noising = words(visit("patching", **PAIR, to="noising"))
    assert "where its gradient is 0" in noising
    assert "correlation" not in noising
    denoising = words(visit("patching", **PAIR, to="denoising"))
    assert "No preview" not in denoising
    assert "correlation" in denoising
