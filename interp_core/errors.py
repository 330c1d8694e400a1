"""Errors a user can cause and can fix.

InterpError
├── SettingsError            a setting has a value that cannot be used
├── PromptError              the prompt cannot be run
│   ├── EmptyPromptError     there is nothing to run
│   ├── PromptTextError      the text is not valid text, or far too long
│   └── ContextLengthError   more tokens than the model's context holds
├── BatchError               an uploaded or pasted batch holds no usable prompt
├── ModelError               a model cannot be had
│   ├── UnknownModelError    no model goes by that name
│   ├── CheckpointError      the folder does not hold a loadable safetensors model
│   ├── ArchitectureError    a configuration does not describe a model that can be drawn
│   ├── HubError             the hub did not answer, or refused
│   ├── DownloadError        the default model could not be fetched or verified
│   └── DiskError            the disk is full or cannot be written
├── InterventionError        an intervention cannot be read, or does not fit the model or the prompt
├── MetricError              an answer, foil or metric cannot be used
├── PromptPairError          two prompts cannot be compared position by position
├── SaeError                 an SAE cannot be trained, measured or saved
├── HarvestError             a harvest cannot be made as asked, or is not what was written
├── ExchangeError            a file of feature dashboards cannot be read or written
├── LabelError               a label cannot be kept as it is, or the file of labels cannot be used
├── SavedRunError            a saved run cannot be written, or is not what was written
├── MemoryLimitError         a load or a run would not fit
├── QueueFullError           too many jobs wait for one model
├── JobCancelledError        the job was stopped before it had a result
└── UnexpectedError          a defect of ours; the model stays usable

Pages catch `InterpError` and show its text as it is, so every message says what is wrong, what was given, and
what to do. Programmers' errors stay `assert` or shape errors.
"""


class InterpError(Exception):
    """Base class of every error that pages show to the user."""


class SettingsError(InterpError):
    """A setting has a value that cannot be used."""


class PromptError(InterpError):
    """The prompt cannot be run."""


class EmptyPromptError(PromptError):
    """There is nothing to run."""

    def __init__(self) -> None:
        super().__init__(
            "The prompt is empty and no BOS token is prepended, so there is nothing to run. Type some text."
        )


class PromptTextError(PromptError):
    """The text is not valid Unicode text, or far longer than any context."""


class ContextLengthError(PromptError):
    """More tokens than the model's context holds."""

    def __init__(self, n_pos: int, n_ctx: int) -> None:
        super().__init__(
            f"The prompt has {n_pos:,} tokens and the model's context holds {n_ctx:,}. "
            f"Remove at least {n_pos - n_ctx:,} tokens."
        )


class BatchError(InterpError):
    """An uploaded or pasted batch holds no usable prompt."""


class ModelError(InterpError):
    """A model cannot be had."""


class UnknownModelError(ModelError):
    """No model goes by that name."""


class CheckpointError(ModelError):
    """The folder does not hold a safetensors model that can be loaded."""


class ArchitectureError(ModelError):
    """A configuration does not describe a model that can be drawn."""


class HubError(ModelError):
    """The Hugging Face hub did not answer, or refused."""


class DownloadError(ModelError):
    """The default model could not be fetched, or is not what it should be."""


class DiskError(ModelError):
    """The disk is full or cannot be written."""


class InterventionError(InterpError):
    """An intervention cannot be read, or does not fit the model or the prompt."""


class HookFunctionError(InterventionError):
    """A hook function of the user's cannot be used, or raised."""


class HookChangedError(HookFunctionError):
    """The file of a hook function is another one than the run began with."""


class HookTimeoutError(HookFunctionError):
    """A hook function of the user's did not end in time."""


class MetricError(InterpError):
    """An answer, foil or metric cannot be used."""


class PromptPairError(InterpError):
    """Two prompts cannot be compared position by position."""


class SaeError(InterpError):
    """An SAE cannot be trained, measured or saved as asked."""


class HarvestError(InterpError):
    """A harvest cannot be made as asked, or is not what was written."""


class ExchangeError(InterpError):
    """A file of feature dashboards cannot be read or written."""


class LabelError(InterpError):
    """A label cannot be kept as it is, or the file of labels cannot be used."""


class SavedRunError(InterpError):
    """A saved run cannot be written, or is not what was written."""


class MemoryLimitError(InterpError):
    """A load or a run would not fit into memory."""


class QueueFullError(InterpError):
    """Too many jobs wait for one model."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            f"{waiting} jobs already wait for this model, which is as many as may. Try again in a minute, or stop a job."
        )


class JobCancelledError(InterpError):
    """The job was stopped before it had a result."""

    def __init__(self) -> None:
        super().__init__("The computation was stopped before it had a result. Run it again when you need it.")


class UnexpectedError(InterpError):
    """A defect of ours, reported by the name of its kind; the log holds the rest."""

    def __init__(self, kind: str, reference: str) -> None:
        super().__init__(
            f"Something went wrong inside Hookscope ({kind}). The model is still usable: change the request, or try "
            f"again. The program's log holds the details under reference {reference}."
        )
