"""The gallery of worked examples. They are data: `data/examples.json`."""

import json
from pathlib import Path

import streamlit as st

from pages.ui import schemas
from pages.ui.url_state import Schema, dump

_FILE = Path(__file__).parent.parent.parent / "data" / "examples.json"
_SCHEMAS: dict[str, Schema] = {"prompt": schemas.PROMPT, "attention": schemas.ATTENTION}


def examples() -> list[dict]:
    """Every example: name, question, page, prompt, values of the page's fields as in a URL, reading, source."""
    return json.loads(_FILE.read_text(encoding="utf-8"))


def example_link(example: dict) -> dict[str, str]:
    """Query parameters of the view that an example opens."""
    schema = _SCHEMAS[example["page"]]
    values = {name: schema[name].parse(text) for name, text in example["values"].items()}
    return dump(schema, {"prompt": example["prompt"], **values})


def show_gallery() -> None:
    """Draw a card for each example."""
    for pair in zip(*[iter(examples())] * 2, strict=True):
        for column, example in zip(st.columns(2), pair, strict=True):
            with column.container(border=True, height="stretch"):
                st.page_link(
                    f"pages/{example['page']}.py", label=f"**{example['name']}**", query_params=example_link(example)
                )
                st.markdown(f"*{example['question']}*")
                st.text(example["prompt"])
                st.caption(f"{example['reading']} ({example['source']})")
