"""Feature: When does this feature fire, what does it write, and what would the model lose without it?"""

from pages.ui import run_bar, schemas
from pages.ui.opening import open_page
from pages.ui.sae import bench as sae_bench

state = open_page(
    "feature",
    "Feature",
    "When does this feature fire, what does it write, and what would the model lose without it?",
    schemas.FEATURE,
)
bench = run_bar.show(state)
chosen = sae_bench.choose(state, bench)
