"""What some families' configurations say in a way of their own."""

from dataclasses import replace

from interp_core.architecture_fields import MOST_LAYERS, Fields
from interp_core.architecture_parts import Design


def _gpt_neo(fields: Fields, design: Design) -> Design:
    kinds = fields.per_layer("attention_layers", design.n_layers)
    if kinds is None:
        kinds = _repeated(fields, design.n_layers)
    window = fields.count("window_size", default=256)
    return replace(design, windows=tuple(window if kind == "local" else 0 for kind in kinds))


def _repeated(fields: Fields, n_layers: int) -> tuple[str, ...]:
    """The kind of each layer from groups such as `[["global", "local"], 12]`; empty where there are none."""
    name = "attention_types"
    groups = fields.config.get(name) or ()
    if not isinstance(groups, list | tuple) or not all(
        isinstance(one, list | tuple) and len(one) == 2 for one in groups
    ):
        raise fields.refuse(
            f'{name} is {str(groups)[:40]!r}, and must be a list such as [[["global", "local"], 12]]. Correct it.'
        )
    read = [Fields(dict(zip(("kinds", "times"), group, strict=True)), f"{fields.name}: {name}") for group in groups]
    repeated = [(group.texts("kinds"), group.count("times", most=MOST_LAYERS)) for group in read]
    # Counted before it is written out: a multiplier may be far too large.
    n_named = sum(len(kinds) * times for kinds, times in repeated)
    if groups and n_named != n_layers:
        raise fields.refuse(f"{name} names {n_named:,} layers, and there are {n_layers:,}. Correct one of them.")
    return tuple(kind for kinds, times in repeated for kind in kinds * times)


def _opt(fields: Fields, design: Design) -> Design:
    notes = design.notes
    if fields.count("word_embed_proj_dim", default=design.d_model) != design.d_model:
        notes = (*notes, "Its embedding is narrower than its layers, with a projection that is not counted.")
    if not fields.flag("do_layer_norm_before", True):
        notes = (*notes, "Its norms stand behind the additions, and are drawn before attention and MLP.")
    if fields.flag("_remove_final_layer_norm", False):
        notes = (*notes, "Its final norm is left out, and is drawn and counted.")
    weights = design.norm_weights if fields.flag("layer_norm_elementwise_affine", True) else ""
    return replace(design, notes=notes, norm_weights=weights, exact=not notes)


def _falcon(fields: Fields, design: Design) -> Design:
    design = replace(design, positions="alibi", rotary_dim=0) if fields.flag("alibi", False) else design
    is_new = fields.flag("new_decoder_architecture", False)
    if design.parallel or is_new:
        norms = fields.count("num_ln_in_parallel_attn", default=2 if is_new else 1)
        design = replace(design, parallel=True, second_norm=norms == 2)
    if is_new:
        heads = fields.key_value_heads("num_kv_heads", design.n_heads)
        return replace(design, n_key_value_heads=heads)
    return replace(design, n_key_value_heads=1) if fields.flag("multi_query", True) else design


def _gpt_bigcode(fields: Fields, design: Design) -> Design:
    return replace(design, n_key_value_heads=1) if fields.flag("multi_query", True) else design


REFINED = {"gpt_neo": _gpt_neo, "opt": _opt, "falcon": _falcon, "gpt_bigcode": _gpt_bigcode}
"""By model type: from what every family says to what this one says."""
