"""SAEs and harvests: Which autoencoders are there, how faithful are they, and what do we know of their features?"""

from pages.ui import run_bar, schemas
from pages.ui.opening import open_page
from pages.ui.sae import bench as sae_bench

state = open_page(
    "saes",
    "SAEs and harvests",
    "Which autoencoders are there, how faithful are they, and what do we know of their features?",
    schemas.SAES,
)
bench = run_bar.show(state)
chosen = sae_bench.choose(state, bench)
