"""With which features of a second SAE a feature goes: over the windows of its own examples.

Both SAEs read one pass. Windows without the feature are not looked at, so the correlation says how well the other feature
marks the same tokens within texts where this one is active.
"""

from collections.abc import Generator, Sequence

import numpy as np
import torch

from interp_core.harvest.records import Correlated
from interp_core.hooks import watch
from interp_core.models import LoadedModel
from interp_core.sae.features import check_features, held_sae
from interp_core.sae.reading import check_plain_point, encode_prompt
from interp_core.types import Progress


@torch.no_grad()
def correlate_with(
    loaded: LoadedModel, name: str, feature: int, other: str, windows: Sequence[tuple[int, ...]], *, k: int = 10
) -> Generator[Progress, None, tuple[Correlated, ...]]:
    """The features of `other` that go best with one of `name`, by Pearson correlation. Costs a forward pass a window.

    Positions that either SAE was not trained on, for their norm, are left out.

    Raises:
        InterpError: An SAE does not fit, or lacks the feature.
    """
    one, two = held_sae(loaded, name), held_sae(loaded, other)
    for sae, text in ((one, name), (two, other)):
        check_plain_point(sae, text)
    check_features(one.config, name, [feature])
    n = 0
    sums = torch.zeros(4, two.d_sae, dtype=torch.float64)  # of y, y squared, x y, and positions where both are active
    of_x = np.zeros(2)
    kept: dict[str, torch.Tensor] = {}
    looks = {sae.hook: lambda x, hook=sae.hook: kept.update({hook: x.clone()}) for sae in (one, two)}
    for index, window in enumerate(windows):
        watch(loaded.model, loaded.tokens(window), (), looks)
        usual = torch.stack([sae.usual(kept[sae.hook])[0] for sae in (one, two)]).all(0)
        x = encode_prompt(loaded, one, kept[one.hook]).activations[:, feature][usual].cpu()
        y = encode_prompt(loaded, two, kept[two.hook]).activations[usual].cpu()
        n += len(x)
        of_x += float(x.double().sum()), float(x.double().square().sum())
        active = (x > 0).double()
        y = y.double()
        sums += torch.stack([y.sum(0), y.square().sum(0), x.double() @ y, active @ (y > 0).double()])
        yield Progress((index + 1) / len(windows), f"{index + 1} of {len(windows)} windows")
    return _best(n, of_x, sums.numpy(), k)


def _best(n: int, of_x: np.ndarray, sums: np.ndarray, k: int) -> tuple[Correlated, ...]:
    x, xx = of_x
    y, yy, xy, together = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        pearson = np.nan_to_num((n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y)))
        cosine = np.nan_to_num(xy / np.sqrt(xx * yy))
    order = [int(place) for place in np.lexsort((np.arange(len(y)), -pearson))[:k] if together[place]]
    return tuple(Correlated(at, int(together[at]), float(pearson[at]), float(cosine[at])) for at in order)
