"""A model's architecture as plain values: its parts, their weights and shapes, and what they cost.

Nothing is loaded: all of it follows from a configuration (`architecture_reading`). Weights are named and shaped as
TransformerLens does, one axis for heads; their elements are the checkpoint's. No torch here.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

Norm = Literal["LayerNorm", "RMSNorm", "none"]
Positions = Literal["learned", "rotary", "alibi", "other", "none"]
PartName = Literal[
    "embed", "pos_embed", "embed_norm", "ln1", "attn", "ln1_post", "ln2", "mlp", "ln2_post", "ln_final", "unembed"
]


@dataclass(frozen=True)
class Weight:
    """One tensor of weights."""

    name: str
    """As in TransformerLens: `W_Q`, `b_Q`, `w` and `b` of a norm."""
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    """What each axis counts, in the glossary's names."""
    shared: bool = False
    """Whether it is another part's tensor, and so not counted again."""

    @property
    def n_params(self) -> int:
        """Elements that are its own."""
        return 0 if self.shared else math.prod(self.shape)


@dataclass(frozen=True)
class Part:
    """One part of the diagram that can hold weights."""

    name: PartName
    weights: tuple[Weight, ...]
    multiplied: int = 0
    """Elements of its matrices by which one token is multiplied: of experts, only those that are used."""
    module: str = ""
    """What its hook points' names begin with: mostly `name`, but OLMo 2's norms behind attention and MLP are `ln1` and `ln2`."""

    @property
    def n_params(self) -> int:
        """Elements of its own weights."""
        return sum(weight.n_params for weight in self.weights)


@dataclass(frozen=True)
class Attention:
    """The attention of one kind of layer."""

    n_heads: int
    n_key_value_heads: int
    d_head: int
    rotary_dim: int
    """Dimensions of each query and key that are rotated; 0 for none."""
    window: int
    """How many positions back a query may look, itself included; 0 where there is no such limit."""
    qk_norm: Literal["", "head", "full"]
    """Whether queries and keys pass a norm of their own: each head by itself, or all heads together."""

    @property
    def type(self) -> str:
        """As the field calls it."""
        if self.n_key_value_heads == self.n_heads:
            return "multi-head"
        return "multi-query" if self.n_key_value_heads == 1 else "grouped-query"


@dataclass(frozen=True)
class Mlp:
    """The MLP of one kind of layer."""

    d_mlp: int
    """Neurons; of one expert where there are experts."""
    gated: bool
    activation: str
    """Empty where the configuration does not say."""
    n_experts: int = 0
    experts_per_token: int = 0
    d_shared: int = 0
    """Neurons of an expert that every token uses; 0 where there is none."""


@dataclass(frozen=True)
class LayerKind:
    """What several layers have in common."""

    attention: Attention
    mlp: Mlp | None
    """None in a layer of attention alone."""
    parts: tuple[Part, ...]
    """In the order in which they act: `ln1`, `attn`, `ln1_post`, `ln2`, `mlp`, `ln2_post`, as far as they are there."""

    @property
    def n_params(self) -> int:
        """Of one such layer."""
        return sum(part.n_params for part in self.parts)


@dataclass(frozen=True)
class Architecture:
    """One model as its configuration describes it."""

    name: str
    family: str
    """The configuration's model type; empty where it has none."""
    written_as: Literal["Hugging Face", "TransformerLens"]
    """In which style the configuration is; TransformerLens models keep more biases, and never tie the unembedding."""
    exact: bool
    """Whether the family is one whose weights are known here; else counts are estimates, and `notes` says why."""
    notes: tuple[str, ...]
    n_layers: int
    d_model: int
    d_vocab: int
    n_ctx: int
    """Longest context; 0 where the configuration does not say."""
    norm: Norm
    positions: Positions
    parallel: bool
    """Whether attention and MLP read the same stream, rather than the MLP what attention has added to."""
    tied: bool
    """Whether the unembedding is the embedding's matrix."""
    kinds: tuple[LayerKind, ...]
    layers: tuple[int, ...]
    """The kind of each layer: an index into `kinds`."""
    before: tuple[Part, ...]
    """`embed`, then `pos_embed` and `embed_norm` where they are there."""
    after: tuple[Part, ...]
    """`ln_final` where it is there, then `unembed`."""

    def parts(self) -> Iterator[tuple[Part, int]]:
        """Every part, with how many of it there are."""
        for part in (*self.before, *self.after):
            yield part, 1
        for index, kind in enumerate(self.kinds):
            for part in kind.parts:
                yield part, self.layers.count(index)

    @property
    def n_params(self) -> int:
        """Parameters, tied ones counted once."""
        return sum(part.n_params * count for part, count in self.parts())

    @property
    def n_multiplied(self) -> int:
        """Matrix elements by which each token is multiplied."""
        return sum(part.multiplied * count for part, count in self.parts())

    @property
    def cached_per_token(self) -> int:
        """Numbers that a cache of keys and values holds for each token."""
        kept = [2 * kind.attention.n_key_value_heads * kind.attention.d_head for kind in self.kinds]
        return sum(kept[index] for index in self.layers)

    def flops(self, n_pos: int) -> int:
        """Floating-point operations of one token's forward pass that looks back over `n_pos` positions, itself included.

        Two for each matrix element (multiply, add) and four for each position, head and dimension (scores, mixing);
        norms, activations and the softmax are left out, as usual (Hoffmann et al. 2022, arXiv:2203.15556, appendix F).
        """
        looked = [
            min(n_pos, kind.attention.window or n_pos) * kind.attention.n_heads * kind.attention.d_head
            for kind in self.kinds
        ]
        return 2 * self.n_multiplied + 4 * sum(looked[index] for index in self.layers)

    def document(self) -> dict:
        """All of it as JSON values, for a picture or a file; `context` is over how many positions `flops` counts."""
        context = min(self.n_ctx or 1024, 1024)
        return {
            "format": "hookscope architecture", "version": 1, **asdict(self), "n_params": self.n_params,
            "n_multiplied": self.n_multiplied, "cached_per_token": self.cached_per_token, "context": context,
            "flops": self.flops(context),
        }  # fmt: skip
