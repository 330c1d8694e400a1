"""A trained SAE as the folder that sae_lens loads: `cfg.json` and `sae_weights.safetensors`, bfloat16, scale folded in.

The configuration says what the SAE was trained on and how, down to the checksums of the text and the model.
"""

import datetime
import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from sae_lens import SAE, TopKTrainingSAEConfig
from sae_lens.saes.sae import SAEMetadata

from interp_core.errors import SaeError
from interp_core.files import sync_file
from interp_core.models import LoadedModel
from interp_core.sae_training.checkpoints import Training
from interp_core.sae_training.corpus import Corpus
from interp_core.sae_training.topk import SparseTopKSAE
from interp_core.sae_training.training import TrainingPlan, plan_as_json

_LIBRARIES = ("torch", "transformers", "transformer-lens", "sae-lens")


def export_sae(loaded: LoadedModel, corpus: Corpus, plan: TrainingPlan, training: Training, out: Path) -> Path:
    """Write one SAE into a folder of its own under `out`, replacing what is there, and return it.

    Raises:
        SaeError: The folder cannot be written.
    """
    target = out / f"{loaded.card.name.split('/')[-1].lower()}-resid-post-{training.layer}"
    sae = _folded(training)
    for name, value in _metadata(loaded, corpus, plan, training).items():
        setattr(sae.cfg.metadata, name, value)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=out) as scratch:
            made = Path(scratch) / "sae"
            sae.to(torch.bfloat16)
            sae.cfg.dtype, sae.cfg.device = "bfloat16", "cpu"
            _, config = sae.save_inference_model(made)
            config.write_text(json.dumps(json.loads(config.read_text()), indent=2) + "\n", encoding="utf-8")
            for path in made.iterdir():
                path.chmod(0o644)
                sync_file(path)
            SAE.load_from_disk(made)  # what cannot be loaded never gets the name
            if target.exists():
                shutil.rmtree(target)
            made.replace(target)
    except OSError as error:
        raise SaeError(f"The SAE cannot be saved in {out} ({error}). Free some space or check the rights.") from error
    return target


@torch.no_grad()
def _folded(training: Training) -> SparseTopKSAE:
    """A copy on the CPU that takes activations as they are."""
    trainer = training.trainer
    config = TopKTrainingSAEConfig.from_dict({**trainer.sae.cfg.to_dict(), "device": "cpu"})
    sae = SparseTopKSAE(config, torch.float32)
    sae.load_state_dict({name: value.cpu() for name, value in trainer.sae.state_dict().items()})
    norms = sae.W_dec.norm(dim=-1)
    sae.fold_activation_norm_scaling_factor(training.calibration.scale)
    # Decoder rows back to norm 1: the activations, not the rows, carry the model's units.
    scale = norms / sae.W_dec.norm(dim=-1)
    sae.W_dec.mul_(scale[:, None])
    sae.W_enc.div_(scale)
    sae.b_enc.div_(scale)
    return sae


def _metadata(loaded: LoadedModel, corpus: Corpus, plan: TrainingPlan, training: Training) -> dict[str, Any]:
    card, calibration = loaded.card, training.calibration
    return SAEMetadata(
        sae_lens_version=version("sae-lens"),
        model_name=card.name,
        model_class_name="TransformerBridge",
        model_revision=card.revision,
        model_quantisation=card.quantisation,
        weight_processing=card.processing,
        hook_name=training.hook,
        hook_head_index=None,
        context_size=corpus.train.shape[1],
        prepend_bos=True,
        exclude_special_tokens=False,
        dataset_path="see corpus",
        corpus=corpus.provenance,
        corpus_sha256=corpus.checksum,
        tokens_seen=training.trainer.n_training_samples,
        passes=1,
        left_out_rule=f"positions whose norm is more than {plan.left_out_factor:g} times the median are left out",
        norm_limit=calibration.norm_limit,
        activation_dtype=card.dtype,
        plan=plan_as_json(plan),
        device=card.device,
        libraries={name: version(name) for name in _LIBRARIES},
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    ).to_dict()
