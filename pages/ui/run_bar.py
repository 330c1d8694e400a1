"""The run bar on top of every page that looks at a run: prompt, switches, batch, tokens, share."""

import streamlit as st

from interp_core.errors import InterpError
from interp_core.prompts import BatchFormat, read_batch
from interp_views.token_strip import StripView, strip_payload
from pages.ui import share
from pages.ui.bench import Bench, lay_out, plain
from pages.ui.mount import picture
from pages.ui.text_code import is_by_reference
from pages.ui.url_state import UrlState

_BATCH = "batch.prompts"


def show(state: UrlState) -> Bench:
    """Draw the bar, wait for the model, and return what the page looks at. Stops the script on bad input."""
    with st.container(border=True):
        text, side = st.columns([5, 2], vertical_alignment="top")
        text.text_area("Prompt", key=state.key("prompt"), height=136, placeholder="Type a prompt and press Ctrl+Enter")
        with side:
            st.button("Run", type="primary", shortcut="Ctrl+Enter", width="stretch", key="bar.run")
            bos, chat = st.columns(2)
            bos.toggle(
                "BOS",
                key=state.key("bos"),
                help="Prepend the tokenizer's BOS token, once. Models were trained with it in front.",
            )
            chat.toggle(
                "Chat",
                key=state.key("chat"),
                help="Take the prompt as a user's message and apply the tokenizer's chat template.",
            )
            batch, shared = st.columns(2)
            with batch.popover("Batch", icon=":material/list:", width="stretch"):
                _show_batch_input(state)
            with shared.popover("Share", icon=":material/link:", width="stretch"):
                share.show_link(state)
        _show_batch_selector(state)
        bench = lay_out(state)
        _show_strip(state, bench)
    return bench


def _show_strip(state: UrlState, bench: Bench) -> None:
    tokenised = bench.tokenised
    count = len(tokenised.ids)
    note = {0: "no BOS in front", 1: "BOS in front, once"}.get(
        tokenised.bos_count, f"BOS {tokenised.bos_count} times in front"
    )
    st.caption(
        f"{count:,} {'token' if count == 1 else 'tokens'} of {bench.card.n_ctx:,} · {note} · no interventions in force"
        + (" · too long for a link that works everywhere: see Share" if is_by_reference(state["prompt"]) else "")
    )
    picture(
        "token_strip",
        strip_payload(StripView(tokenised.str_tokens, tokenised.special, pos=state["pos"], lines=2)),
        key="bar.strip",
        event="select",
        react=lambda value: select_position(state, value.get("pos"), count),
    )


def select_position(state: UrlState, pos: object, count: int) -> None:
    """Select what the browser names, if it is a position of this prompt."""
    state.set("pos", pos if isinstance(pos, int) and 0 <= pos < count else None)


def _show_batch_input(state: UrlState) -> None:
    st.caption(
        "Several prompts: one a line, or a csv or jsonl file with a column 'prompt'. Every page can step through them."
    )
    pasted = st.text_area("One prompt a line", key="batch.pasted", height=120)
    upload = st.file_uploader("or a file", type=["txt", "csv", "jsonl"], key="batch.upload")
    use, clear = st.columns(2)
    if use.button("Use this batch", type="primary", width="stretch", key="batch.use"):
        try:
            kind: BatchFormat = upload.name.rsplit(".", 1)[-1].lower() if upload else "txt"  # type: ignore[assignment]
            batch = read_batch(upload.getvalue() if upload else pasted.encode("utf-8", "surrogatepass"), kind)
        except InterpError as error:
            st.error(plain(str(error)))
            return
        st.session_state[_BATCH] = batch
        st.session_state["batch.first"] = True
        st.rerun()
    clear.button("Clear", width="stretch", key="batch.clear", on_click=lambda: st.session_state.pop(_BATCH, None))


def batch_prompts() -> tuple[str, ...]:
    """The prompts of the batch in use, or none."""
    batch = st.session_state.get(_BATCH)
    return batch.prompts if batch else ()


def _show_batch_selector(state: UrlState) -> None:
    batch = st.session_state.get(_BATCH)
    if not batch:
        return
    prompts = batch.prompts
    here = prompts.index(state["prompt"]) if state["prompt"] in prompts else None
    before, box, after = st.columns([1, 8, 1], vertical_alignment="bottom")
    box.selectbox(
        f"Prompt of the batch ({len(prompts):,})", range(len(prompts)), index=here, key=f"batch.item.{here}",
        format_func=lambda item: f"{item + 1}: {prompts[item][:100]}", placeholder="The prompt above is not of the batch",
        on_change=lambda: _take(state, prompts, st.session_state[f"batch.item.{here}"]),
    )  # fmt: skip
    before.button("", icon=":material/chevron_left:", key="batch.before", help="Previous prompt", disabled=here in (None, 0),
                  on_click=_take, args=(state, prompts, (here or 0) - 1))  # fmt: skip
    after.button("", icon=":material/chevron_right:", key="batch.after", help="Next prompt", disabled=here == len(prompts) - 1,
                 on_click=_take, args=(state, prompts, 0 if here is None else here + 1))  # fmt: skip
    if batch.skipped:
        with st.expander(f"{len(batch.skipped)} rows were left out"):
            for sentence in batch.skipped[:50]:
                st.text(sentence)


def _take(state: UrlState, prompts: tuple[str, ...], item: int | None) -> None:
    if item is not None and 0 <= item < len(prompts):
        state.set("prompt", prompts[item])
        state.set("pos", None)
