"""Feature browser: What has the autoencoder learnt, and where is the feature I look for?"""

from pages.ui import run_bar, schemas
from pages.ui.opening import open_page
from pages.ui.sae import bench as sae_bench

state = open_page(
    "features",
    "Feature browser",
    "What has the autoencoder learnt, and where is the feature I look for?",
    schemas.FEATURES,
)
bench = run_bar.show(state)
chosen = sae_bench.choose(state, bench)
