"""The user's own hook functions: allowed where the app is reached from this machine alone, listed on every page of a run.

Nothing here can switch them on: that takes `HOOKSCOPE_HOOKS` and a loopback address before the start.
"""

import ipaddress
import os
from collections.abc import Callable

import streamlit as st

from interp_core.errors import InterpError
from interp_core.interventions import Intervention
from interp_core.user_hooks import library
from interp_core.user_hooks.folder import HookFile, HookFunction
from pages.ui.markdown import plain
from pages.ui.url_state import UrlState

Add = Callable[[Intervention], None]
_NOT_CONFIGURED = "Off: HOOKSCOPE_HOOKS names no folder. Set it to a folder of Python files before the start."
_REACHABLE = (
    "Off: the dashboard is reached from other machines ({}), and whoever reaches it could run them. They are on where "
    "server.address is 127.0.0.1."
)
_HOSTED = "Off: HOOKSCOPE_MODE is {}."
"""Whatever it is but local: who misspells it did not mean to let others run code."""


def settle() -> None:
    """Allow or refuse hook functions, by how the app was started. Cheap: called on every run."""
    folder, reason = library.configured_folder(), _reason()
    if folder is None or reason:
        if library.refused() != (reason or _NOT_CONFIGURED):
            library.refuse(reason or _NOT_CONFIGURED)
    else:
        library.allow(folder)


def _reason() -> str:
    mode = os.environ.get("HOOKSCOPE_MODE", "").strip().lower()
    if mode not in ("", "local"):
        return _HOSTED.format(mode[:40])
    address = str(st.get_option("server.address") or "")
    return (
        ""
        if is_loopback(address)
        else _REACHABLE.format(f"server.address is {address!r}" if address else "any address")
    )


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, which no other machine reaches."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def show(state: UrlState, add: Add) -> None:
    """List the functions of the folder in the sidebar, each ready to be put in force; nothing where they are off."""
    if library.refused():
        return
    try:
        files = library.hook_files()
    except InterpError as error:
        st.caption(f":red[{plain(str(error))}]")
        return
    functions = [function for file in files for function in file.functions]
    problems = [file for file in files if file.problem]
    label = f"Your hook functions ({len(functions)})" + (f", {len(problems)} with problems" if problems else "")
    with st.expander(label, icon=":material/code:", key="hooks.list"):
        for function in functions:
            _show_function(state, function, add)
        for file in problems:
            _show_problem(file)
        if not files:
            st.caption(f"No Python file lies in {plain(str(library.configured_folder()))} yet.")
        st.button(
            "Read the files again", key="hooks.again", icon=":material/refresh:", width="stretch",
            on_click=library.forget_files, help="Also those that did not change: what they read or import may have.",
        )  # fmt: skip


def _show_function(state: UrlState, function: HookFunction, add: Add) -> None:
    one = Intervention("hook", "", function=function.name)
    on = any(other.function == function.name and other.on for other in state["do"])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(function.name)}**" + ("  :green-badge[on]" if on else ""))
        st.button("Apply", key=f"hooks.add.{function.name}", disabled=on, on_click=add, args=(one,),
                  help="On every page, like any intervention; switch it off in the list above.")  # fmt: skip
    heads = function.declared.heads
    where = ", ".join(function.declared.points) + (f"; heads {', '.join(map(str, heads))}" if heads else "")
    st.caption(plain(f"{function.says} At {where}." if function.says else f"At {where}."))


def _show_problem(file: HookFile) -> None:
    st.caption(f":red[{plain(file.problem)}]")


def show_settings() -> None:
    """Say whether they are on, and from where; nothing here switches them."""
    if library.refused():
        st.caption(plain(library.refused()))
        return
    st.text(f"Folder: {library.configured_folder()}")
    st.caption(
        "On: the Python files there are run when they change, and offered in the sidebar. Set by HOOKSCOPE\\_HOOKS."
    )
