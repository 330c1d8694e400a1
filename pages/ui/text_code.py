"""Prompts in URLs: as they are while short, compressed up to a stated length, past that by reference to this server."""

import base64
import binascii
import hashlib
import threading
import zlib
from collections import OrderedDict
from urllib.parse import quote

import streamlit as st

from interp_core.prompts import MOST_TEXT_BYTES

PLAIN_CHARS = 300
LINK_CHARS = 6000
"""Most characters of a URL that a prompt may take: about 12,000 to 20,000 characters of English."""
_KEPT_TEXTS = 1000


class TextStore:
    """Texts too long for a link, by their hash; the least recently used of a thousand go first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, str] = OrderedDict()

    def put(self, text: str) -> str:
        """Keep a text and return its key."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        with self._lock:
            self._texts[key] = text
            self._texts.move_to_end(key)
            while len(self._texts) > _KEPT_TEXTS:
                self._texts.popitem(last=False)
        return key

    def get(self, key: str) -> str | None:
        """The text of a key, or None."""
        with self._lock:
            return self._texts.get(key)


@st.cache_resource(show_spinner=False)
def text_store() -> TextStore:
    """The store of this server process."""
    return TextStore()


def encode_text(text: str) -> str:
    """The form that a URL carries."""
    if not text.startswith("~") and _is_valid(text) and len(quote(text)) <= PLAIN_CHARS:
        return text
    packed = "~z" + base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 9)).decode().rstrip(
        "="
    )
    return packed if len(packed) <= LINK_CHARS else "~h" + text_store().put(text)


def decode_text(code: str) -> str:
    """The inverse of `encode_text`.

    Raises:
        ValueError: The link is damaged, or refers to a text that this server does not have.
    """
    if code.startswith("~h"):
        text = text_store().get(code[2:])
        if text is None:
            raise ValueError(
                "this prompt was too long for a link and was kept by the server that made the link, which no longer "
                "has it. Ask for the text itself"
            )
        return text
    if not code.startswith("~z"):
        if len(code) > LINK_CHARS:
            raise ValueError(f"{len(code):,} characters where a link carries at most {LINK_CHARS:,}")
        return code
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.urlsafe_b64decode(code[2:] + "=" * (-len(code[2:]) % 4)), MOST_TEXT_BYTES + 1)
        if not unpacker.eof or len(data) > MOST_TEXT_BYTES:
            raise ValueError("the text is cut off or too long")
        return data.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError) as error:
        raise ValueError("the link is damaged: copy it again") from error


def is_by_reference(code: str) -> bool:
    """Whether what a URL carries works on this server only."""
    return code.startswith("~h")


def _is_valid(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
