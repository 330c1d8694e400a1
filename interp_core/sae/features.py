"""An SAE's features named in an intervention or a question: is the SAE there, does it fit, has it such features?

SAEs are held with the model, so that they go when it goes, and are used in its thread alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from interp_core.devices import free_bytes
from interp_core.errors import InterventionError, SaeError
from interp_core.interventions import Intervention
from interp_core.memory import check_fits
from interp_core.models import LoadedModel
from interp_core.sae.catalogue import fetched_folder, fetched_saes
from interp_core.sae.loading import LoadedSae, fitting_point, load_sae
from interp_core.sae.spec import SaeConfig, SaeSpec, checksum_of, list_saes, local_folder, read_config

_HELD = 4
"""SAEs that are kept with a model: 40 MB each at 8,192 features of 576 numbers."""


def held_sae(loaded: LoadedModel, name: str) -> LoadedSae:
    """An SAE bound to the model, kept with it for the next question. Only in the model's thread.

    Raises:
        SaeError: There is none by that name, or it does not fit.
        MemoryLimitError: It would not fit into memory.
    """
    known = loaded.saes.pop(name, None)
    if isinstance(known, LoadedSae) and known.checksum != checksum_of(found_folder(name)):
        known = None  # another one was put in its place
        loaded.edits.clear()
    if known is None:
        config = found_config(name)
        needed = 2 * 4 * config.d_in * config.d_sae  # both matrices in float32
        check_fits(f"The SAE {name}", needed, free_bytes(loaded.card.device))
        known = load_sae(loaded, SaeSpec.parse(name))
        known.module.requires_grad_(False)
    loaded.saes[name] = known  # the last one used is the last to go
    while len(loaded.saes) > _HELD:
        loaded.saes.pop(next(iter(loaded.saes)))
    assert isinstance(known, LoadedSae)
    return known


def found_config(name: str) -> SaeConfig:
    """The configuration of an SAE on this machine: one that ships, a folder of the user's, or one fetched before.

    Raises:
        SaeError: There is none by that name.
    """
    return read_config(found_folder(name))


def found_folder(name: str) -> Path:
    """The folder of an SAE on this machine.

    Raises:
        SaeError: There is none by that name.
    """
    spec = SaeSpec.parse(name)
    if spec.source != "release":
        return local_folder(spec)
    folder = fetched_folder(spec)
    if not folder.is_dir():
        raise SaeError(
            f"{name} lies on the hub and was not fetched yet. Load it first (interp_core.sae.loading.load_sae), or choose one "
            "that is on this machine."
        )
    return folder


def readable_saes(loaded: LoadedModel) -> dict[str, SaeConfig]:
    """The SAEs and transcoders on this machine whose features can be read in this model, by name. Reads configurations alone."""
    found = {}
    for spec in (*list_saes(), *fetched_saes()):
        try:
            config = found_config(spec.text)
            if not fitting_point(loaded, config, spec.text).derived:
                found[spec.text] = config
        except SaeError:
            continue
    return found


def fitting_saes(loaded: LoadedModel) -> dict[str, SaeConfig]:
    """The SAEs on this machine whose features can be acted on in this model, by name. Reads configurations alone."""
    found = {}
    for spec in (*list_saes(), *fetched_saes()):
        try:
            found[spec.text] = _fitting_config(loaded, spec.text)
        except SaeError:
            continue
    return found


def fit_feature(loaded: LoadedModel, spec: Intervention) -> Intervention:
    """An intervention on features, with the hook point and the layer that their SAE reads. Reads no weights.

    Raises:
        InterventionError: The SAE is not there or does not fit the model, lacks the feature, or reads another place.
    """
    what = spec.label
    try:
        config = _fitting_config(loaded, spec.sae)
        check_features(config, spec.sae, spec.units or ())
    except SaeError as error:
        raise InterventionError(f"{what}: {error}") from error
    layers = None if config.layer is None else (config.layer,)
    if spec.point not in ("", config.point) or spec.layers not in (None, layers):
        raise InterventionError(
            f"{what}: the SAE reads {config.place}, and another place is named. Leave hook point and layer out: it knows them."
        )
    return replace(spec, point=config.point, layers=layers)


def check_features(config: SaeConfig, name: str, features: Sequence[int]) -> None:
    """Refuse features that an SAE does not have.

    Raises:
        SaeError: It has fewer.
    """
    over = [feature for feature in features if not 0 <= feature < config.d_sae]
    if over:
        raise SaeError(f"{name} has no feature {over[0]}. The last one is {config.d_sae - 1:,}.")


def _fitting_config(loaded: LoadedModel, name: str) -> SaeConfig:
    config = found_config(name)
    point = fitting_point(loaded, config, name)
    check_can_act(config, name)
    if point.derived and point.n_heads:
        raise SaeError(
            f"{name} reads {config.place} of all heads at once, which no pass holds. Act on the stream instead."
        )
    return config


def check_can_act(config: SaeConfig, name: str) -> None:
    """Refuse SAEs whose features do not add up to what they read, position by position.

    Raises:
        SaeError: It is a transcoder, or a feature of it depends on earlier positions.
    """
    if "transcoder" in config.architecture:
        raise SaeError(
            f"{name} is a transcoder: it reads one place and predicts another, so removing a feature from what it reads means "
            "nothing. Act on an SAE of the place that it predicts."
        )
    if config.architecture == "temporal":
        raise SaeError(
            f"{name} is a temporal SAE: a feature depends on all earlier positions, so that it cannot be changed in a pass over "
            "a part of the prompt. Choose an SAE that reads one position at a time."
        )
