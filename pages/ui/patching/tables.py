"""The sweep as a table."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from interp_core.patching import PatchingSweep


def sweep_table(made: "PatchingSweep", str_tokens: tuple[str, ...]) -> pd.DataFrame:
    """One row a cell: its place, the metric after the patch, the recovered fraction, and whether they are exact."""
    places = np.indices(made.score.shape).reshape(made.score.ndim, -1)
    table = pd.DataFrame(dict(zip(made.plan.axes, places, strict=True)))
    if "pos" in table:
        table["token"] = [str_tokens[pos] for pos in table["pos"]]
    if made.plan.layer is not None:
        table.insert(0, "layer", made.plan.layer)
    table[f"metric ({made.unit})"] = made.score.ravel()
    table["recovered_fraction"] = made.effect.ravel()
    table["exact"] = made.exact.ravel()
    if made.preview is not None:
        table[f"gradient_preview ({made.unit})"] = made.preview.ravel()
    return table
