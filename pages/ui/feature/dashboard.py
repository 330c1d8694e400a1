"""The dashboard itself, with what was asked for on top: loss effects, a second SAE, sources by token."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from interp_core.errors import InterpError
from interp_views.feature_dashboard import feature_dashboard_payload
from interp_views.feature_document import feature_view
from pages.ui import cached
from pages.ui.bench import Bench
from pages.ui.feature.choice import user_label
from pages.ui.following import Followed, follow, go_on
from pages.ui.markdown import plain
from pages.ui.mount import picture
from pages.ui.sae import data
from pages.ui.sae.bench import SaeBench
from pages.ui.url_state import UrlState

if TYPE_CHECKING:
    from interp_core.harvest.records import Example, Window
    from interp_core.sae.example_effects import ExampleEffects

_SECOND_WINDOWS = 24
_SAYS = {"none": "None", "top": "Top examples", "all": "All examples"}


def show(state: UrlState, bench: Bench, sae: SaeBench, feature: int) -> tuple[dict[str, Any], Followed | None]:
    """Draw the dashboard; returns its document, and the effects that are still being computed."""
    made = data.document(bench.spec, sae, feature, user_label(sae, feature))
    if sae.harvest is None:
        _show_no_harvest(state)
    elif not made["record"]["fired"]:
        st.info(
            "This feature was active on no token of the harvest: it is dead there. What it would write is still known."
        )
    else:
        _show_controls(state, sae)
    followed = None
    try:
        made, followed = _with_effects(state, bench, sae, made)
        made = _with_second(state, bench, sae, made)
        made = _with_sources(state, bench, sae, made)
    except InterpError as error:
        st.error(plain(str(error)))
    picture(
        "feature_dashboard", feature_dashboard_payload(feature_view(made)), key="feature.dashboard",
        events={"example": lambda value: _select(state, made, value), "choose": lambda value: _follow(state, sae, value)},
    )  # fmt: skip
    return made, followed


def windows_of(sae: SaeBench, feature: int) -> "list[tuple[Example, Window]]":
    """Every example of a feature with the window that it stands in."""
    if sae.harvest is None:
        return []
    return [(example, sae.harvest.window(example)) for example in sae.harvest.feature(feature).examples]


def _show_no_harvest(state: UrlState) -> None:
    st.info("Nothing was harvested with this SAE yet, so there are no examples: only what the feature writes is known.")
    st.page_link(
        "pages/saes.py", label="Harvest a text with it", icon=":material/agriculture:",
        query_params=state.shared_link() | {"view": "harvest"},
    )  # fmt: skip


def _show_controls(state: UrlState, sae: SaeBench) -> None:
    from interp_core.sae.features import readable_saes  # noqa: PLC0415  torch must not delay the first paint

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Loss effects of", list(_SAYS), key=state.key("losses"), format_func=_SAYS.__getitem__, required=True,
            help="The model runs again on each example's window, with the feature removed at one position at a time: exact, "
            "with the direct estimate beside it. On the clean model.",
        )  # fmt: skip
        spec = st.session_state.get("bench.model")
        others = [name for name in readable_saes(cached.loaded(spec)) if name != sae.name] if spec else []
        if others:
            if state["second"] not in ("", *others):
                state.set("second", "")
            st.selectbox(
                "Correlate with a second SAE", ["", *others], key=state.key("second"), width=380,
                format_func=lambda name: name or "none", help="Over the windows of this feature's examples.",
            )  # fmt: skip


def _with_effects(
    state: UrlState, bench: Bench, sae: SaeBench, made: dict[str, Any]
) -> tuple[dict[str, Any], Followed | None]:
    from interp_core.sae.dashboard import with_effects  # noqa: PLC0415
    from interp_core.sae.measured_effects import stretches_of  # noqa: PLC0415

    wanted = [number for number, one in enumerate(made["examples"]) if _is_wanted(state, number, one)]
    if not wanted or sae.harvest is None:
        return made, None
    examples = sae.harvest.feature(made["feature"]).examples
    stretches = stretches_of(sae.harvest, [examples[number] for number in wanted])
    followed = follow(
        "feature.effects", (sae.checksum, made["feature"], tuple(wanted)),
        lambda so_far: data.example_effects_job(bench.spec, sae, made["feature"], stretches, so_far), "Loss effects",
    )  # fmt: skip
    if followed.made is None:
        return made, followed
    if followed.made.complete:
        _keep(bench, sae, made["feature"], wanted, followed.made)
    effects = {
        number: (stretch.first, found)
        for number, stretch, found in zip(wanted, stretches, followed.made.found, strict=False)
    }
    return with_effects(cached.loaded(bench.spec), made, effects), followed


def _keep(bench: Bench, sae: SaeBench, feature: int, wanted: list[int], made: "ExampleEffects") -> None:
    """Say the mean over the top examples, and keep it for the feature browser. Examples are run without interventions."""
    from interp_core.sae.known_effects import MeasuredOn, known_effects, remember_effects  # noqa: PLC0415
    from interp_core.sae.measured_effects import top_effect  # noqa: PLC0415

    assert sae.harvest is not None
    known = top_effect(sae.harvest.feature(feature).examples, wanted, made.found)
    if known is None:
        return
    if known.mean is not None:
        st.caption(
            f"Loss effect {known.mean:+.3f} nats in the mean over {known.tokens:,} tokens of its {known.examples} top examples. "
            "Kept: the feature browser orders by it."
        )
    on = MeasuredOn.of(bench.card, sae.checksum, sae.harvest)
    if known_effects(on).get(feature) == known:
        return
    try:
        remember_effects(on, {feature: known}, sae=sae.name)
    except InterpError as error:
        st.warning(plain(str(error)))


def _is_wanted(state: UrlState, number: int, example: dict[str, Any]) -> bool:
    chosen = state["losses"]
    return chosen == "all" or (chosen == "top" and example["kind"] == 0) or number == state["example"]


def go_on_with_effects(followed: Followed | None) -> None:
    """At the end of the page: wait for more of the effects, and draw the page anew."""
    if followed is not None:
        go_on(followed, lambda made: len(made.found), 4)


def _with_second(state: UrlState, bench: Bench, sae: SaeBench, made: dict[str, Any]) -> dict[str, Any]:
    from interp_core.sae.dashboard import with_second  # noqa: PLC0415

    if not state["second"] or not made["examples"]:
        return made
    tokens = tuple(dict.fromkeys(window.tokens for _, window in windows_of(sae, made["feature"])))
    found = data.second_features(bench.spec, sae, made["feature"], state["second"], tokens[:_SECOND_WINDOWS])
    return with_second(made, state["second"], found)


def _with_sources(state: UrlState, bench: Bench, sae: SaeBench, made: dict[str, Any]) -> dict[str, Any]:
    """Where the selected example's activation comes from, for an SAE on heads."""
    from interp_core.sae.dashboard import with_sources  # noqa: PLC0415

    number = state["example"]
    if sae.config.point != "z" or number is None or number >= len(made["examples"]):
        return made
    example, window = windows_of(sae, made["feature"])[number]
    found = data.sources(bench.spec, sae, made["feature"], window.tokens, window.pos).contribution.sum(0)
    first = window.pos - example.peak
    return with_sources(made, number, found[first : first + len(example.tokens)])


def _select(state: UrlState, made: dict[str, Any], value: dict[str, Any]) -> None:
    number = value.get("number")
    if isinstance(number, int) and 0 <= number < len(made["examples"]):
        state.set("example", None if number == state["example"] else number)


def _follow(state: UrlState, sae: SaeBench, value: dict[str, Any]) -> None:
    """A click on a correlated feature opens it."""
    index = value.get("index")
    if not isinstance(index, int) or index < 0:
        return
    if value.get("kind") == "second" and state["second"]:
        state.set("sae", state["second"])
        state.set("second", "")
    elif value.get("kind") != "feature" or index >= sae.config.d_sae:
        return
    state.set("feature", index)
    state.set("example", None)
