"""Whether a model has the places that an intervention names, and which one name a place has of several."""

from dataclasses import replace

from interp_core.errors import InterventionError
from interp_core.hook_points import HookPoint, point_named
from interp_core.interventions import Intervention
from interp_core.number_lists import Numbers


def fit_to_model(intervention: Intervention, points: tuple[HookPoint, ...], n_layers: int) -> Intervention:
    """The same intervention in canonical form, if the model has the places that it names.

    The output of one layer and the input of the next are one place: `resid_post` becomes `resid_pre` where it can.

    Raises:
        InterventionError: The model lacks the hook point, a layer, a head or a unit.
    """
    point = point_named(points, intervention.point)
    what = intervention.label
    if not point.layers and intervention.layers is not None:
        raise InterventionError(f"{what}: {point.name} stands outside the layers. Remove the layer.")
    _within(what, "layer", intervention.layers, n_layers)
    lacking = sorted(set(intervention.layers or ()) - set(point.layers))
    if point.layers and lacking:
        raise InterventionError(f"{what}: layer {lacking[0]} has no {point.name}. Pick another layer.")
    if intervention.heads is not None and not point.n_heads:
        raise InterventionError(f"{what}: {point.name} has no heads. Remove them, or act on z.")
    _within(what, "head", intervention.heads, point.n_heads)
    if point.width:
        _within(what, "unit", intervention.units, point.width)
    if point.axes == "head query_pos key_pos" and intervention.action in ("mean", "resample", "add"):
        raise InterventionError(
            f"{what}: patterns of different prompts have different sizes, so they cannot be averaged, drawn or added. "
            "Zero, freeze, patch or scale them, or act on z."
        )
    if intervention.point == "resid_post" and intervention.layers and max(intervention.layers) + 1 < n_layers:
        return replace(intervention, point="resid_pre", layers=tuple(layer + 1 for layer in intervention.layers))
    return intervention


def _within(what: str, axis: str, numbers: Numbers, count: int) -> None:
    over = [number for number in numbers or () if number >= count]
    if over:
        raise InterventionError(f"{what}: there is no {axis} {over[0]}. The last one is {count - 1}.")
