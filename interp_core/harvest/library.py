"""Which harvests there are of an SAE: those that ship, and the user's own. No torch here."""

from pathlib import Path

from interp_core.errors import HarvestError
from interp_core.harvest.bundle import MANIFEST, Harvest, open_harvest
from interp_core.settings import harvests_folder

SHIPPED = Path(__file__).parent.parent.parent / "data" / "harvests"


def find_harvests(sae_sha256: str) -> tuple[list[Harvest], list[str]]:
    """Harvests of an SAE, the largest first, and a sentence for each bundle that cannot be opened.

    Args:
        sae_sha256: Of its configuration and weights, as `LoadedSae.checksum` gives it.
    """
    found, problems = [], []
    for root in (SHIPPED, harvests_folder()):
        for path in sorted(root.glob(f"*/{MANIFEST}")):
            try:
                harvest = open_harvest(path.parent)
            except HarvestError as error:
                problems.append(str(error))
                continue
            if harvest.facts.get("sae_sha256") == sae_sha256:
                found.append(harvest)
    return sorted(found, key=lambda harvest: -harvest.counts["tokens"]), problems
