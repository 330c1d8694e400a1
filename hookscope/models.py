"""From a name to a model, and from a folder to a saved run."""

from pathlib import Path

from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.prompts import Prompt
from interp_core.saved_runs import SavedRun
from interp_core.saved_runs import open_run as _open_run
from interp_core.tokens import Tokenised
from interp_core.types import Dtype, ModelSpec, Processing


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


def tokenised(model: LoadedModel, prompt: Prompt | str) -> Tokenised:
    """A prompt, or its text, as the model sees it."""
    return model.tokenizer.tokenise(Prompt(prompt) if isinstance(prompt, str) else prompt)
