"""Text to tokens and back: one BOS in front, at most once; every token shown as text that can be read."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerBase

from interp_core.errors import ContextLengthError, EmptyPromptError, PromptError
from interp_core.prompts import Prompt, check_text


@dataclass(frozen=True)
class Tokenised:
    """A prompt as the model sees it."""

    ids: tuple[int, ...]
    str_tokens: tuple[str, ...]
    """Each id decoded alone; bytes that are no character of their own read `\\xF0`."""
    special: tuple[bool, ...]
    bos_count: int
    """How many BOS tokens stand in front: 1 is what the model was trained on, where its tokenizer names one."""


def extended(tokens: Tokenised, ids: tuple[int, ...], str_tokens: tuple[str, ...]) -> Tokenised:
    """A prompt's tokens and those that were generated after it."""
    special = tokens.special + (False,) * len(ids)
    return Tokenised(tokens.ids + ids, tokens.str_tokens + str_tokens, special, tokens.bos_count)


class Tokenizer:
    """A Hugging Face tokenizer that several threads may use: its own truncation state is not safe to share."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, n_ctx: int) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._special = frozenset(tokenizer.all_special_ids) | {
            index for index, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        self._byte_of = {char: byte for byte, char in _byte_alphabet().items()}
        self.n_ctx = n_ctx
        named: Any = tokenizer  # transformers declares these attributes None
        self.bos_id: int | None = named.bos_token_id
        self.eos_id: int | None = named.eos_token_id
        self.bos_token: str | None = named.bos_token
        self.has_chat_template = tokenizer.chat_template is not None
        self.name = type(tokenizer).__name__

    def tokenise(self, prompt: Prompt) -> Tokenised:
        """Encode a prompt, with BOS in front exactly once where it is asked for and the tokenizer names one.

        Raises:
            PromptTextError: The text is not valid Unicode, or too long to be worth encoding.
            EmptyPromptError: There is not one token.
            ContextLengthError: More tokens than the model's context holds.
            PromptError: A chat template is asked for and there is none.
        """
        check_text(prompt.text)
        with self._lock:
            text = self._chat(prompt.text) if prompt.chat else prompt.text
            ids = [int(index) for index in self._tokenizer.encode(text, add_special_tokens=False)]
        if prompt.prepend_bos and self.bos_id is not None and ids[:1] != [self.bos_id]:
            ids.insert(0, self.bos_id)
        if not ids:
            raise EmptyPromptError
        if len(ids) > self.n_ctx:
            raise ContextLengthError(len(ids), self.n_ctx)
        return self.describe(ids)

    def describe(self, ids: Sequence[int]) -> Tokenised:
        """What stands at each position of a token sequence."""
        bos_count = next((place for place, index in enumerate(ids) if index != self.bos_id), len(ids))
        special = tuple(index in self._special for index in ids)
        return Tokenised(tuple(ids), tuple(self.str_tokens(ids)), special, bos_count)

    def str_tokens(self, ids: Sequence[int]) -> list[str]:
        """Each id decoded alone."""
        with self._lock:
            decoded = self._tokenizer.batch_decode([[index] for index in ids], clean_up_tokenization_spaces=False)
            return [
                self._bytes_of(index) if "\ufffd" in text else text for index, text in zip(ids, decoded, strict=True)
            ]

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        """The text of a token sequence, with special tokens spelled out or left out."""
        with self._lock:
            return str(
                self._tokenizer.decode(list(ids), skip_special_tokens=not special, clean_up_tokenization_spaces=False)
            )

    def _chat(self, text: str) -> str:
        if not self.has_chat_template:
            raise PromptError("This model's tokenizer has no chat template. Switch the chat template off.")
        message = [{"role": "user", "content": text}]
        return str(self._tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))

    def _bytes_of(self, index: int) -> str:
        """A part of a character, as bytes: a byte-level vocabulary spells them with stand-in letters."""
        token = str(self._tokenizer.convert_ids_to_tokens(index))
        if token.startswith("<0x") and token.endswith(">"):
            return f"\\x{token[3:-1]}"
        if all(char in self._byte_of for char in token):
            return "".join(f"\\x{self._byte_of[char]:02X}" for char in token)
        return token


def _byte_alphabet() -> dict[int, str]:
    """Which letter stands for which byte in a byte-level vocabulary: GPT-2's rule, checked against tokenizers' set."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in printable}
    rest = [byte for byte in range(256) if byte not in letters]
    letters.update({byte: chr(0x100 + place) for place, byte in enumerate(rest)})
    assert set(letters.values()) == set(ByteLevel.alphabet())
    return letters
