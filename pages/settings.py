"""Settings: device, threads, cache limits; what is cached, and how to clear it."""

import os

import streamlit as st

from interp_core.errors import InterpError
from interp_core.settings import MIB, Settings, cache_folder, models_folder, save_settings
from pages.ui import cached, hook_functions, model_facts, schemas
from pages.ui.bench import plain, show_problems
from pages.ui.opening import open_page

state = open_page(
    "settings", "Settings", "What may this server use, and what does it hold?", schemas.SHARED, waits=False
)
state.commit()
show_problems(state)
engine = cached.engine()
now = engine.settings

st.subheader("Limits", anchor=False)
with st.form("settings.limits"):
    device, threads, results, models = st.columns(4)
    devices = list(dict.fromkeys([*cached.devices(), now.device]))
    changed = Settings(
        device=device.selectbox(
            "Device", devices, devices.index(now.device), help="auto: the first accelerator, or the CPU."
        ),
        threads=int(
            threads.number_input(
                "Threads",
                1,
                os.cpu_count(),
                now.threads,
                help="Of one forward pass. As many as physical cores is usually best.",
            )
        ),
        result_cache_mib=int(results.number_input("Results, MiB", 1, None, now.result_cache_mib)),
        model_memory_gib=float(models.number_input("Models, GiB", 0.1, None, now.model_memory_gib, step=1.0)),
    )
    if st.form_submit_button("Apply and remember", type="primary"):
        try:
            save_settings(changed)
            engine.apply(changed)
            st.success("Applied, and remembered for the next start.")
        except InterpError as error:
            st.error(plain(str(error)))
st.caption(
    "The device is for models that are loaded from now on; Change model, on the left, picks another for one model."
)

st.subheader("Resident models", anchor=False)
st.caption("The least recently used idle model is let go of by itself when another needs its memory.")
model_facts.show_residents()

st.subheader("Finished results", anchor=False)
count, size, limit = engine.results.usage()
left, right = st.columns([3, 1], vertical_alignment="center")
left.progress(min(1.0, size / limit), text=f"{count:,} results, {size / MIB:,.1f} of {limit / MIB:,.0f} MiB")
right.button("Clear", width="stretch", key="settings.clear", on_click=engine.results.clear)

st.subheader("Folders", anchor=False)
on_disk = sum(path.stat().st_size for path in cache_folder().rglob("*") if path.is_file())
st.text(f"Cache:  {cache_folder()} ({on_disk / MIB:,.0f} MiB)\nModels: {models_folder()}")
st.caption(
    r"Set by HOOKSCOPE\_CACHE and HOOKSCOPE\_MODELS before the start; deleting the cache folder is safe, the next start "
    "makes it again. The limits above are kept in the settings file."
)

st.subheader("Hook functions", anchor=False)
hook_functions.show_settings()
