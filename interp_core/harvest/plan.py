"""What decides a harvest's numbers. No torch here.

A harvest is cut into shards of windows, and a shard into batches; both are functions of the plan and the corpus alone, since
a matrix product gives the same bits only for the same shapes.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from interp_core.errors import HarvestError

SCHEMA = 2
"""Version of the shard states and of the published bundle."""
READABLE = (1, SCHEMA)
"""Versions of bundles that can be read; those of the first name no range of their histograms."""
LEFT, RIGHT = 10, 5
"""Tokens kept before and after the one that an example is about."""
AROUND = LEFT + 1 + RIGHT
N_BANDS, PER_BAND = 10, 5
"""Bands of equal width from a feature's largest activation to 0, and samples that are shown of each."""
N_TOP = 20
"""Examples of the highest activations."""
PER_BIN = 5
"""Samples of each bin of the histogram: those of lowest priority."""
PAIR_WIDTH = 256
"""Active features of one sampled token that enter the correlations, at most: the strongest."""
NEURON_SHARE = 8
"""One of so many sampled tokens enters the correlations with neurons."""


@dataclass(frozen=True)
class HarvestPlan:
    """Sizes that change the numbers or the order in which they are computed."""

    context: int = 256
    """Tokens of a window, BOS included."""
    prepend_bos: bool = True
    """Whether every window begins with the tokenizer's BOS, where it names one."""
    shard_windows: int = 1024
    """Windows of a shard: what is lost at most when a worker dies."""
    rows: int = 8
    """Windows of one forward pass."""
    pair_tokens: int = 65536
    """Tokens that correlations are computed from, about: chosen by the hash of their position; all of a smaller corpus."""

    def validated(self, n_ctx: int) -> "HarvestPlan":
        """Return self.

        Raises:
            HarvestError: A size is out of its range.
        """
        ranges = {"context": (2, n_ctx), "shard_windows": (1, 2**20), "rows": (1, 4096), "pair_tokens": (0, 2**16)}
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise HarvestError(
                    f"{name.replace('_', ' ')} must be between {least:,} and {most:,}, not {value:,}. Change that option."
                )
        return self

    def as_json(self) -> dict[str, object]:
        """Plain values, with the constants that the numbers depend on."""
        return {
            **dataclasses.asdict(self), "schema": SCHEMA, "left": LEFT, "right": RIGHT, "top": N_TOP, "per_bin": PER_BIN,
            "pair_width": PAIR_WIDTH, "neuron_share": NEURON_SHARE,
        }  # fmt: skip


def plan_from_json(content: dict[str, Any]) -> HarvestPlan:
    """The plan of which `as_json` gave this."""
    return HarvestPlan(**{field.name: content[field.name] for field in dataclasses.fields(HarvestPlan)})
