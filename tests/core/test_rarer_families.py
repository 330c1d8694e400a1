"""Families whose layers are built otherwise: what has no effect is not offered, and sweeps equal whole passes."""

import numpy as np
import pytest

from interp_core.attention import LivePatterns
from interp_core.edits import edits_of, fitted
from interp_core.errors import InterventionError
from interp_core.hooks import forward
from interp_core.interventions import Intervention
from interp_core.logit_attribution import attribute_logit
from interp_core.models import LoadedModel
from interp_core.types import Run
from tests.rarer_families import load_family

CLEAN, CORRUPTED = (0, 17, 201, 33, 5, 90, 17), (0, 17, 201, 7, 5, 90, 17)


@pytest.fixture(scope="module")
def family(tiny_folders, tmp_path_factory):
    """Loads each family once."""
    known: dict[str, LoadedModel] = {}

    def load(name: str) -> LoadedModel:
        if name not in known:
            known[name] = load_family(name, tmp_path_factory.mktemp("rarer") / f"tiny-{name}", tiny_folders["llama"])
        return known[name]

    return load


def logits_of(loaded, *texts, tokens=CLEAN):
    run = Run(loaded.spec, tokens, fitted(loaded, [Intervention.parse(text) for text in texts], tokens))
    return forward(loaded.model, loaded.tokens(tokens), edits_of(loaded, run)).output[0]


@pytest.mark.parametrize("name", ["gptj", "opt"])
def test_a_pattern_that_the_model_only_shows_is_read_and_not_edited(family, name):
    loaded = family(name)
    points = {point.name for point in loaded.hook_points}
    assert "z" in points
    assert not points & {"pattern", "attn_scores"}
    for point in ("pattern", "attn_scores"):
        with pytest.raises(InterventionError, match=r"computed without what it shows there.*Act on z"):
            logits_of(loaded, f"zero {point} L0")
    rows: list[float] = []
    LivePatterns(loaded, Run(loaded.spec, CLEAN)).walk(
        lambda layer, pattern: rows.append(float(pattern.sum(-1).mean()))
    )
    assert rows == pytest.approx([1, 1, 1])
    found = attribute_logit(loaded, Run(loaded.spec, CLEAN), 5, 11)
    assert np.abs(found.source_remainder).max() < 1e-4


@pytest.mark.parametrize("point", ["pattern", "attn_scores"])
@pytest.mark.parametrize("name", ["bloom", "falcon", "olmo2"])
def test_a_pattern_that_is_offered_has_an_effect_in_every_layer(family, name, point):
    loaded = family(name)
    plain = logits_of(loaded)
    for layer in range(3):
        assert not logits_of(loaded, f"scale {point} L{layer} x-3").equal(plain)
