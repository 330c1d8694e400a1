"""Loss effects of many features, each on its own top examples of a harvest, measured once and kept.

One figure a feature, the same wherever it was measured: on its dashboard, in a notebook or for a whole list.
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from interp_core.errors import HarvestError
from interp_core.harvest.bundle import Harvest
from interp_core.harvest.executors import in_words
from interp_core.harvest.plan import N_TOP
from interp_core.harvest.records import Example
from interp_core.models import LoadedModel
from interp_core.sae.example_effects import ExampleEffects, Stretch, TokenEffect, example_effects
from interp_core.sae.features import check_features, held_sae
from interp_core.sae.known_effects import KnownEffect, MeasuredOn, known_effects, remember_effects
from interp_core.types import Progress


@dataclass(frozen=True)
class MeasuredEffects:
    """The features that are known by now, of those that were asked for."""

    found: tuple[tuple[int, KnownEffect], ...]
    """In the order in which they were asked for."""
    of: int
    part: tuple[int, ExampleEffects] | None = None
    """The feature under way and what is known of its examples, so that a stop loses none."""

    @property
    def complete(self) -> bool:
        """Whether every feature is known."""
        return len(self.found) == self.of


def measure_effects(
    loaded: LoadedModel,
    name: str,
    harvest: Harvest,
    features: Sequence[int],
    *,
    so_far: MeasuredEffects | None = None,
) -> Generator[Progress, None, MeasuredEffects]:
    """Measure features on their own top examples, up to 20 each, on the clean model; yields the `MeasuredEffects` so far.

    Costs a forward pass an example, as far as its last token, and a partial pass for each position at which the feature is
    active. Each feature is kept as soon as it is known, and one that is known already costs nothing: stopped or killed, the
    same call goes on.

    Args:
        loaded: The model.
        name: The SAE.
        harvest: Of this SAE.
        features: Which; one that is named twice is measured once.
        so_far: What an earlier call had when it was stopped: the feature that was under way goes on.

    Raises:
        InterpError: The SAE does not fit, lacks a feature, or the harvest is another SAE's or damaged.
        DiskError: What was found cannot be kept.
    """
    sae = held_sae(loaded, name)
    check_features(sae.config, name, features)
    if harvest.facts.get("sae_sha256") != sae.checksum:
        raise HarvestError(
            f"{harvest.folder} is a harvest of {harvest.facts.get('sae', 'another SAE')}, not of {name}. Give one of {name}."
        )
    on, asked, clock = MeasuredOn.of(loaded.card, sae.checksum, harvest), tuple(dict.fromkeys(features)), _Clock()
    made = MeasuredEffects((), len(asked), so_far.part if so_far else None)
    for feature in asked:
        known = known_effects(on).get(feature)
        if known is None:
            known = yield from _measure(loaded, name, harvest, feature, made, clock)
            remember_effects(on, {feature: known}, sae=name)
        made = MeasuredEffects((*made.found, (feature, known)), made.of, made.part)
        yield clock.progress(made, "")
    return made


def stretches_of(harvest: Harvest, examples: Sequence[Example]) -> list[Stretch]:
    """Where examples stand in their windows.

    Raises:
        HarvestError: A file of the harvest is not what was written.
    """
    found = []
    for example in examples:
        window = harvest.window(example)
        first = window.pos - example.peak
        found.append(Stretch(window.tokens, first, first + len(example.tokens) - 1))
    return found


def mean_effect(found: Sequence[Sequence[TokenEffect]]) -> KnownEffect:
    """The mean over all tokens of some examples."""
    exact = [one.exact for effects in found for one in effects]
    return KnownEffect(sum(exact) / len(exact) if exact else None, len(exact), len(found))


def top_effect(
    examples: Sequence[Example], numbers: Sequence[int], found: Sequence[Sequence[TokenEffect]]
) -> KnownEffect | None:
    """The mean over the top examples, where all of them are among those that were measured; else None.

    Args:
        examples: All of the feature.
        numbers: Which of them were measured.
        found: What was found on each of these.
    """
    by_number = dict(zip(numbers, found, strict=True))
    top = [number for number, example in enumerate(examples) if example.kind == 0]
    return mean_effect([by_number[number] for number in top]) if top and by_number.keys() >= set(top) else None


def _measure(
    loaded: LoadedModel, name: str, harvest: Harvest, feature: int, made: MeasuredEffects, clock: "_Clock"
) -> Generator[Progress, None, KnownEffect]:
    """One feature. One that is active nowhere has no example, and no mean."""
    top = stretches_of(harvest, [one for one in harvest.feature(feature).examples if one.kind == 0])
    begun = made.part[1] if made.part and made.part[0] == feature and made.part[1].of == len(top) else None
    found = begun or ExampleEffects((), len(top))
    for step in example_effects(loaded, name, feature, top, so_far=begun, direct=False):
        assert isinstance(step.partial, ExampleEffects)
        found = step.partial
        clock.examples += 1
        part = MeasuredEffects(made.found, made.of, (feature, found))
        yield clock.progress(part, f"feature {feature}, {step.note}; ")
    return mean_effect(found.found)


class _Clock:
    """How long an example takes, and so how long the rest will."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.examples = 0

    def progress(self, made: MeasuredEffects, note: str) -> Progress:
        """How far it is; the rest is counted with as many examples as a feature may have."""
        of_part = len(made.part[1].found) / max(1, made.part[1].of) if note and made.part else 0.0
        done = len(made.found) + of_part
        note += f"{len(made.found):,} of {made.of:,} features"
        if self.examples and done < made.of:
            left = (made.of - done) * N_TOP * (time.monotonic() - self._begun) / self.examples
            note += f", at most {in_words(left)} left"
        return Progress(done / max(1, made.of), note, made)
