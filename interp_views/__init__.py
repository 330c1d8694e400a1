"""Pictures from plain arrays and strings: no torch, no Streamlit, so a notebook can use them as they are."""
