"""Prompt features: Which features carry this prompt, position by position?"""

from pages.ui import run_bar, schemas
from pages.ui.opening import open_page
from pages.ui.sae import bench as sae_bench

state = open_page(
    "prompt_features",
    "Prompt features",
    "Which features carry this prompt, position by position?",
    schemas.PROMPT_FEATURES,
)
bench = run_bar.show(state)
chosen = sae_bench.choose(state, bench)
