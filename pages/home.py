"""Home: what this is, and worked examples to begin with."""

import streamlit as st

from pages.ui import schemas
from pages.ui.bench import show_problems
from pages.ui.examples import show_gallery
from pages.ui.opening import open_page
from pages.ui.shell import warm_up

state = open_page(
    "home", "Look inside a language model", "One prompt, one resident model, many instruments.", schemas.SHARED,
    waits=False,
)  # fmt: skip
state.commit()
show_problems(state)

st.markdown(
    "Hookscope opens any TransformerLens model, runs your prompt through it, and shows what happens on the way: "
    "which tokens it sees, what it expects next, where every head looks. All pages look at the same run, and every "
    "view has a link that you can send to a colleague."
)
st.subheader("Begin with a worked example", anchor=False)
show_gallery()

st.subheader("Or go straight to", anchor=False)
link = state.shared_link()
prompt, attention, model = st.columns(3)
with prompt.container(border=True, height="stretch"):
    st.page_link("pages/prompt.py", label="**Prompt**", icon=":material/notes:", query_params=link)
    st.caption("Tokens, loss and predictions at every position; generation, greedy or sampled.")
with attention.container(border=True, height="stretch"):
    st.page_link("pages/attention.py", label="**Attention**", icon=":material/grid_on:", query_params=link)
    st.caption("Every head of a layer at once; one head large; the text tinted by where it looks.")
with model.container(border=True, height="stretch"):
    st.page_link("pages/model.py", label="**Trust and facts**", icon=":material/verified:", query_params=link)
    st.caption("What exactly was loaded, and how far its numbers stand from Hugging Face's own.")
warm_up(state)
