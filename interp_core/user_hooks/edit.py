"""A hook function of the user's as an edit, right in every kind of pass.

The function always sees one prompt from its first position on, as in a plain pass: in a pass over a suffix, or of one
generated token, it is given what it was given before, continued by what is new; many rows are given one by one. So one
function, written for a plain pass, gives a sweep's numbers too.
"""

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from interp_core.attached import Hook
from interp_core.cell_edits import chosen_cells, hooks_at
from interp_core.errors import HookFunctionError, HookTimeoutError
from interp_core.hook_points import HookPoint
from interp_core.interventions import Intervention
from interp_core.user_hooks.calling import call
from interp_core.user_hooks.folder import HookFunction
from interp_core.user_hooks.library import check_not_stopped, stop
from interp_core.user_hooks.places import limited_heads

_MOST_BYTES = 16 * 1024**2
"""Of one layer's pattern that is remembered: 680 tokens of 9 heads."""


@dataclass(frozen=True)
class Here:
    """The second argument of a hook function: where it is called."""

    name: str
    """Full name of the hook point."""
    _layer: int | None

    def layer(self) -> int | None:
        """The layer's number; None outside the layers."""
        return self._layer


@dataclass
class _Seen:
    """What the function was given in the pass over the whole prompt."""

    activation: Tensor | None = None


@dataclass(frozen=True)
class FunctionEdit:
    """What one hook function does at one hook point of one layer."""

    intervention: Intervention
    point: HookPoint
    layer: int | None
    function: HookFunction
    grows: bool = False
    """Whether passes of one token each continue the prompt, as in generation; then nobody else may use this edit."""
    seen: _Seen = field(default_factory=_Seen, compare=False)

    def hooks(self, first: int) -> tuple[list[Hook], list[Hook]]:
        """The hooks that apply it in a pass that begins at position `first`; and those that only look."""
        return hooks_at(self.point, self.layer, lambda activation: self.apply(activation, first))

    def apply(self, activation: Tensor, first: int) -> Tensor:
        """The edited activation; `first` is the position of its first token, or query.

        Raises:
            HookFunctionError: The function raised, or what it returned cannot take the activation's place.
            HookTimeoutError: It did not end in time.
        """
        if self.point.derived and self.point.n_heads:
            activation = activation.expand(-1, -1, self.point.n_heads, -1)  # one for all heads, until one is changed
        whole = self._continued(activation, first)
        made = torch.cat([self._fitted(value, row) for value, row in zip(self._called(whole), whole, strict=True)])
        axis = self._axis
        made = made.narrow(axis, first, activation.shape[axis])
        return torch.where(self._cells(activation, first), made, activation)

    def _called(self, whole: Tensor) -> list[Any]:
        """What the function returns for every row, in its own thread. Each row has the time of a call."""
        check_not_stopped(self.function)
        gradient = torch.is_grad_enabled()

        def one(row: Tensor) -> Any:
            with torch.set_grad_enabled(gradient):  # each thread has a setting of its own
                given = row[None].clone()
                returned = self.function.function(given, self._here)
            return given if returned is None else returned

        try:
            return [call(functools.partial(one, row), self.function.file, self._what) for row in whole]
        except HookTimeoutError as error:
            stop(self.function, str(error))
            raise

    def _fitted(self, value: Any, row: Tensor) -> Tensor:
        """What was returned for a row, if it can take its place."""
        if not isinstance(value, Tensor):
            raise self._unfit(f"returned {type(value).__name__}, not a tensor")
        if value.shape != (1, *row.shape):
            raise self._unfit(f"returned the shape {tuple(value.shape)}, where {(1, *row.shape)} was given")
        made = value.to(row.device, row.dtype)
        if not bool((made.isfinite() | ~row.isfinite()).all()):
            raise self._unfit("returned numbers that are not finite")
        return made

    def _unfit(self, what: str) -> HookFunctionError:
        where = f"{self.function.file.name}, line {self.function.line}: " if self.function.file else ""
        return HookFunctionError(f"{where}{self._what} {what}. Mend the file, or switch it off.")

    @property
    def _what(self) -> str:
        return f"{self.function.name} at {self._here.name}"

    @property
    def _pattern(self) -> bool:
        return self.point.axes == "head query_pos key_pos"

    @property
    def _axis(self) -> int:
        return 2 if self._pattern else 1

    @property
    def _here(self) -> Here:
        return Here(self.point.hook(self.layer), self.layer)

    def _continued(self, activation: Tensor, first: int) -> Tensor:
        """The activation with what came before it, from position 0 on."""
        if first == 0:
            if len(activation) == 1 and (self.seen.activation is None or self.grows):
                self._remember(activation)
            return activation
        before = self.seen.activation
        if before is None or before.shape[self._axis] < first:
            raise HookFunctionError(
                f"{self._what} would need what it saw of the whole prompt, which was not kept: the "
                "prompt is too long for it, or this place is not reached in a plain pass. Switch it off here, or act elsewhere."
            )
        before = before.narrow(self._axis, 0, first).expand(len(activation), *([-1] * (before.ndim - 1)))
        if self._pattern:  # earlier queries see no later keys
            fill = 0.0 if self.point.name == "pattern" else float("-inf")
            lacking = activation.shape[-1] - before.shape[-1]
            before = torch.nn.functional.pad(before, (0, lacking), value=fill) if lacking else before
        whole = torch.cat([before, activation], self._axis)
        if self.grows:
            self._remember(whole)
        return whole

    def _remember(self, activation: Tensor) -> None:
        if not self._pattern or activation.nbytes <= _MOST_BYTES:
            self.seen.activation = activation.detach().clone()

    def _cells(self, activation: Tensor, first: int) -> Tensor:
        spec = self.intervention
        heads = limited_heads(self.function, spec, self.point)
        return chosen_cells(replace(spec, heads=heads, others=False), self.point, activation, first)
