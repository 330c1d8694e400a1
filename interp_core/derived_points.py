"""Points that an ordinary forward pass never computes, edited through places that it does compute.

TransformerLens shows them under flags that change how the whole model is computed (by 7e-5 of a logit on the default
model). Here they follow from what is always there, and cells that no edit changes keep their bits:

- a head's `result` is its z times its part of W_O; what an edit adds to it is added to what leaves W_O;
- what a head's query, key or value reads (`q_input`, `k_input`, `v_input`; all three: `attn_in`), and what the MLP reads
  (`mlp_in`), is the residual stream; where an edit changes it, norm and projection are computed again.

Source of the points: TransformerLens' `use_attn_result`, `use_split_qkv_input`, `use_attn_in`, `use_hook_mlp_in`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interp_core.attached import Hook
from interp_core.hook_points import HookPoint, layer_hook, norm_hooks, output_hook

_READERS = {"q_input": "q", "k_input": "k", "v_input": "v", "attn_in": "qkv"}


@dataclass(frozen=True)
class HeadResults:
    """`result`, `"batch pos head d_model"`, by way of what leaves W_O."""

    reads: str
    writes: str
    module: Any
    n_heads: int

    def activation(self, read: Float[Tensor, "batch pos head d_head"]) -> Float[Tensor, "batch pos head d_model"]:
        """Every head's z times its part of W_O. Costs as much as W_O itself."""
        matrix = _matrix(self.module)
        return torch.einsum("bphe,hed->bphd", read, matrix.reshape(self.n_heads, -1, matrix.shape[1]))

    def written(self, activation: Float[Tensor, "batch pos head d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """Their sum, and the bias."""
        total = activation.sum(2)
        return total if self.module.bias is None else total + self.module.bias

    def put_back(self, before: Tensor, after: Tensor, written: Tensor) -> Tensor:
        """With the new sum at those positions where a head writes something else.

        Not the old sum and the difference: of heads that are all zeroed, rounding would be left, and a further norm
        behind attention (Gemma 2) would make much of it.
        """
        changed = (after != before).any(-1).any(-1, keepdim=True)
        return torch.where(changed, self.written(after).to(written.dtype), written)


@dataclass(frozen=True)
class HeadInputs:
    """What each head reads for its query, key or value, `"batch pos head d_model"`: the stream, before the norm."""

    reads: str
    writes: str
    norm: Any
    module: Any
    n_heads: int

    def activation(self, read: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos 1 d_model"]:
        """The same for every head."""
        return read[:, :, None]

    def written(self, activation: Float[Tensor, "batch pos _ d_model"]) -> Float[Tensor, "batch pos head d_head"]:
        """Every head's projection of its own input."""
        inputs = activation.expand(-1, -1, self.n_heads, -1)
        return torch.stack([self._projected(inputs[:, :, head], head) for head in range(self.n_heads)], dim=2)

    def put_back(self, before: Tensor, after: Tensor, written: Tensor) -> Tensor:
        """With the projections of those heads and positions whose input is another one."""
        changed = (after != before).any(-1)
        made = written.clone()
        for head in changed.any(1).any(0).nonzero()[:, 0].tolist():
            new = self._projected(after[:, :, head], head).to(made.dtype)
            made[:, :, head] = torch.where(changed[:, :, head, None], new, made[:, :, head])
        return made

    def _projected(self, stream: Float[Tensor, "batch pos d_model"], head: int) -> Float[Tensor, "batch pos d_head"]:
        matrix, bias = _matrix(self.module), self.module.bias
        d_head = matrix.shape[1] // self.n_heads
        part = slice(head * d_head, (head + 1) * d_head)
        made = self.norm(stream) @ matrix[:, part]
        return made if bias is None else made + bias[part]


@dataclass(frozen=True)
class MlpInput:
    """`mlp_in`, `"batch pos d_model"`: the stream as the MLP alone reads it, before the norm."""

    reads: str
    writes: str
    norm: Any

    def activation(self, read: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """The stream."""
        return read

    def written(self, activation: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """Behind the norm."""
        return self.norm(activation)

    def put_back(self, before: Tensor, after: Tensor, written: Tensor) -> Tensor:
        """With the norm of those positions that are other ones."""
        changed = (after != before).any(-1, keepdim=True)
        return torch.where(changed, self.norm(after).to(written.dtype), written)


Route = HeadResults | HeadInputs | MlpInput
"""From where a derived point of one layer is computed (`reads`, a hook name), and where an edit of it gets back into the
pass (`writes`). `activation` is the point's value, with a head axis of length 1 where every head has the same; `written` what
the model would write if the point had that value; `put_back` what it writes after an edit, given what it wrote without."""


@dataclass(frozen=True)
class DerivedEdit:
    """All edits of one layer that get back into the pass at one place, in their order: each sees the one before."""

    route: Route
    edits: tuple[Callable[[Tensor, int], Tensor], ...]
    """Given the activation, and the position of its first token: the edited activation."""

    def hooks(self, first: int) -> tuple[list[Hook], list[Hook]]:
        """The hook that edits, and the one that looks at what the point is computed from."""
        seen: list[Tensor] = []

        def look(read: Tensor, hook: object) -> None:
            seen[:] = [read]

        def write(written: Tensor, hook: object) -> Tensor:
            before = self.route.activation(seen.pop())
            after = before
            for edit in self.edits:
                after = edit(after, first)
            return written if after is before else self.route.put_back(before, after, written)

        return [(self.route.writes, write)], [(self.route.reads, look)]


def routes(block: Any, layer: int, name: str, points: Mapping[str, HookPoint]) -> tuple[Route, ...]:
    """How an edit of a derived point gets into a layer; none if the layer is not built for it, or the name is another.

    Args:
        block: The layer.
        layer: Its number.
        name: The point's short name.
        points: The model's other points, by short name.
    """
    if name == "result":
        module = _component(block, "attn", "o")
        has = "z" in points and layer in points["z"].layers and _is_linear(module)
        return (HeadResults(layer_hook("z", layer), output_hook(layer), module, points["z"].n_heads),) if has else ()
    if name == "mlp_in":
        norm = _component(block, "ln2")
        return () if norm is None else (MlpInput(*norm_hooks("ln2", layer), norm),)
    made: list[Route] = []
    for kind in _READERS.get(name, ""):
        norm, module = _component(block, "ln1"), _component(block, "attn", kind)
        if norm is None or kind not in points or layer not in points[kind].layers or not _is_linear(module):
            return ()
        made.append(
            HeadInputs(norm_hooks("ln1", layer)[0], layer_hook(kind, layer), norm, module, points[kind].n_heads)
        )
    # A key head that several query heads share has no single head's input.
    return tuple(made) if len({one.n_heads for one in made if isinstance(one, HeadInputs)}) == 1 else ()


def _component(block: Any, *path: str) -> Any:
    """The model's own module under the Bridge's, whose hooks would fire a second time."""
    for name in (*path, "original_component"):
        block = getattr(block, name, None)
    return block


def _is_linear(module: Any) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"


def _matrix(module: Any) -> Float[Tensor, "d_in d_out"]:
    return module.weight.T if isinstance(module, torch.nn.Linear) else module.weight
