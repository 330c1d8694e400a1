"""What stands in the URL of each page: the fields that all pages share, and the page's own."""

from interp_core.types import DTYPES, PROCESSINGS, ModelSpec
from pages.ui.text_code import decode_text, encode_text
from pages.ui.url_state import Field, Schema, choice, number, switch, whole

EXAMPLE_PROMPT = "When Mary and John went to the store, John gave a drink to"
"""The prompt of a first visit, so that no page opens empty."""


def _model_name(text: str) -> str:
    return ModelSpec.parse(text).text


SHARED: Schema = {
    "model": Field("", _model_name, shared=True),
    "dtype": choice(DTYPES, "float32", shared=True),
    "processing": choice(PROCESSINGS, "compatibility", shared=True),
    "prompt": Field(EXAMPLE_PROMPT, decode_text, encode_text, shared=True),
    "bos": switch(True, shared=True),
    "chat": switch(False, shared=True),
    "pos": whole(None, shared=True),
    "layer": whole(0, most=10_000, shared=True),
    "head": whole(None, most=10_000, shared=True),
}

PROMPT: Schema = {
    **SHARED,
    "tokens": whole(32, least=1, most=2048),
    "temperature": number(0.0, 0.0, 10.0),
    "top_k": whole(0),
    "top_p": number(1.0, 0.01, 1.0),
    "seed": whole(0, most=1_000_000),
}

ATTENTION: Schema = {**SHARED, "direction": choice(("from", "to"), "from")}
