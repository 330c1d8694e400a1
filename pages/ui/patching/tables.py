"""The sweep as a table."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from interp_core.patching import PatchingSweep
    from interp_core.path_plan import PathSweep


def sweep_table(made: "PatchingSweep | PathSweep", str_tokens: tuple[str, ...]) -> pd.DataFrame:
    """One row a cell: its place, the metric after the patch, the recovered fraction, and whether they are exact."""
    places = np.indices(made.score.shape).reshape(made.score.ndim, -1)
    table = pd.DataFrame(dict(zip(made.plan.axes, places, strict=True)))
    if "pos" in table:
        table["token"] = [str_tokens[pos] for pos in table["pos"]]
    if "sender" in table:
        n_heads = made.score.shape[1] - 1
        table["sender"] = ["mlp" if sender == n_heads else f"head {sender}" for sender in table["sender"]]
    layer = getattr(made.plan, "layer", None)
    if layer is not None:
        table.insert(0, "layer", layer)
    table[f"metric ({made.unit})"] = made.score.ravel()
    table["recovered_fraction"] = made.effect.ravel()
    table["exact"] = made.exact.ravel()
    preview = getattr(made, "preview", None)
    if preview is not None:
        table[f"gradient_preview ({made.unit})"] = preview.ravel()
    return table
