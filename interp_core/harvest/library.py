"""Which harvests there are of an SAE: those that ship, and the user's own. No torch here."""

from pathlib import Path

from interp_core.errors import HarvestError
from interp_core.harvest.bundle import MANIFEST, Harvest, open_harvest
from interp_core.model_card import ModelCard
from interp_core.settings import harvests_folder

SHIPPED = Path(__file__).parent.parent.parent / "data" / "harvests"


def find_harvests(sae_sha256: str, card: ModelCard | None = None) -> tuple[list[Harvest], list[str]]:
    """Harvests of an SAE, the largest first, and a sentence for each bundle that cannot be opened or is of another model.

    Args:
        sae_sha256: Of its configuration and weights, as `LoadedSae.checksum` gives it.
        card: The model on which it was harvested; any if absent. An SAE that names no model fits every one of its width.
    """
    found, problems = [], []
    for root in (SHIPPED, harvests_folder()):
        for path in sorted(root.glob(f"*/{MANIFEST}")):
            try:
                harvest = open_harvest(path.parent)
            except HarvestError as error:
                problems.append(str(error))
                continue
            if harvest.facts.get("sae_sha256") != sae_sha256:
                continue
            if card and (other := _of_another(harvest, card)):
                problems.append(other)
            else:
                found.append(harvest)
    return sorted(found, key=lambda harvest: -harvest.counts["tokens"]), problems


def _of_another(harvest: Harvest, card: ModelCard) -> str:
    """Why a harvest is not of this model; empty where it is."""
    names = ("model", "revision", "processing")
    made, here = (harvest.facts.get(name) for name in names), (card.name, card.revision, card.processing)
    of, on = ", ".join(map(str, made)), ", ".join(map(str, here))
    if of == on:
        return ""
    return (
        f"The harvest {harvest.folder.name} was made with this SAE on another model ({of}) than the one that is loaded ({on}), "
        "so it is not shown. Harvest a text on this model, or load that one."
    )
