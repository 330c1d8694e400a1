"""From a name to a model, and from a folder to a saved run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interp_core.edits import fitted
from interp_core.interventions import Intervention
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.prompts import Prompt
from interp_core.saved_runs import SavedRun
from interp_core.saved_runs import open_run as _open_run
from interp_core.tokens import Tokenised
from interp_core.types import Dtype, ModelSpec, Processing, Run
from interp_core.user_hooks.folder import HookFile
from interp_core.user_hooks.library import allow, declare, hook_files


def load(
    name: str = "", *, dtype: Dtype = "float32", processing: Processing = "compatibility", device: str = "auto"
) -> LoadedModel:
    """Load a model by the name that the dashboard's URLs use; empty for the default.

    Raises:
        InterpError: It cannot be had; the text says why and what to do.
    """
    spec = ModelSpec.parse(name).held_as(dtype, processing, device)
    return load_model(spec, find_folder(spec))


def open_run(folder: str | Path) -> SavedRun:
    """Open a run that was saved.

    Raises:
        SavedRunError: It is not what was written.
    """
    return _open_run(Path(folder))


@dataclass(frozen=True)
class Intervened:
    """A prompt and what is changed in the forward pass; taken wherever a prompt is."""

    prompt: Prompt
    interventions: tuple[Intervention, ...]


Asked = Prompt | str | Intervened
"""A prompt, its text, or a prompt under interventions."""


Change = Intervention | str | Callable[..., Any]
"""An intervention, its text, or a function that `hook` declares."""


def intervene(prompt: Prompt | str, *interventions: Change) -> Intervened:
    """A prompt under interventions, each written as in the dashboard, such as `"zero z L18 H6"`, or a hook function.

    Raises:
        InterventionError: One cannot be read, or is a function that is not declared with `hook`.
    """
    return Intervened(_as_prompt(prompt), tuple(_as_intervention(one) for one in interventions))


def load_hooks(folder: str | Path) -> tuple[HookFile, ...]:
    """Make the hook functions of a folder's Python files known, as `HOOKSCOPE_HOOKS` does for the dashboard. Runs the files.

    Then `intervene(prompt, "hook fn:FILE.FUNCTION")` takes them; what could not be read has a `problem`.

    Raises:
        HookFunctionError: The folder is not there.
    """
    allow(Path(folder))
    return hook_files()


def _as_intervention(one: Change) -> Intervention:
    if isinstance(one, str):
        return Intervention.parse(one)
    if isinstance(one, Intervention):
        return one.checked()
    function = declare(one)
    return Intervention("hook", "", function=function.name, version=function.version)


def tokenised(model: LoadedModel, asked: Asked) -> Tokenised:
    """A prompt as the model sees it."""
    return model.tokenizer.tokenise(prompt_of(asked))


def prompt_of(asked: Asked) -> Prompt:
    """What was asked, without interventions."""
    return asked.prompt if isinstance(asked, Intervened) else _as_prompt(asked)


def run_of(model: LoadedModel, asked: Asked) -> Run:
    """What techniques take.

    Raises:
        InterpError: An intervention does not fit the model or the prompt.
    """
    ids = tokenised(model, asked).ids
    specs = asked.interventions if isinstance(asked, Intervened) else ()
    return Run(model.spec, ids, fitted(model, specs, ids))


def _as_prompt(prompt: Prompt | str) -> Prompt:
    return Prompt(prompt) if isinstance(prompt, str) else prompt
