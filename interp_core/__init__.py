"""The numbers behind Hookscope: models, the engine that owns them, and one module per technique.

Nothing here imports Streamlit or Plotly. `errors`, `types`, `settings`, `catalogue`, `checkpoints`, `memory`,
`prompts`, `jobs` and `engine` import no torch either, so that the dashboard's first paint does not wait for it.
"""
