"""The palette, in one place: colours that people who cannot tell red from green can tell apart.

Blue is attention and probability, orange is loss and whatever the reader has selected. Signed
numbers run from blue (negative) over paper (0) to orange (positive), which everyone can tell apart.
`.streamlit/config.toml` uses the same paper, panel, ink, border and accent.
"""

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark", "auto"]

FONT = '"Source Sans", "Source Sans 3", system-ui, "Segoe UI", Helvetica, Arial, sans-serif'
CODE_FONT = '"Source Code Pro", ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace'


@dataclass(frozen=True)
class Palette:
    """Colours of one theme, as hexadecimal sRGB."""

    paper: str
    panel: str
    ink: str
    muted: str
    border: str
    accent: str
    selected: str
    """Outline of what is focused or locked."""
    attention: tuple[str, ...]
    """Evenly spaced stops from 0 to 1, linear in between. 0 is the panel: a masked cell is paper."""
    loss: tuple[str, ...]
    """Evenly spaced stops from 0 to the largest value. 0 is paper."""
    signed: tuple[str, ...]
    """Evenly spaced stops, an odd number, from minus to plus the largest absolute value. The middle one is paper."""


LIGHT = Palette(
    paper="#FFFFFF",
    panel="#F4F5F7",
    ink="#1B1F2A",
    muted="#5B6472",
    border="#D9DDE3",
    accent="#1F6FB2",
    selected="#C2570C",
    attention=("#F4F5F7", "#9FC4E4", "#1F6FB2", "#124680", "#0B2545"),
    loss=("#FFFFFF", "#FDE3C2", "#F9B573", "#EA7632", "#C6370F"),
    signed=("#0B3F73", "#1F6FB2", "#5F9FD1", "#AFCFE9", "#FFFFFF", "#FBCDA6", "#F0944D", "#D65A1B", "#96290A"),
)
DARK = Palette(
    paper="#10141A",
    panel="#1A2029",
    ink="#E6E9EE",
    muted="#9AA4B2",
    border="#2E3744",
    accent="#6DB3F2",
    selected="#F0A35E",
    attention=("#1A2029", "#2C5C8A", "#6DB3F2", "#ABD3F9", "#EAF4FF"),
    loss=("#10141A", "#47291A", "#8A431D", "#D4592A", "#FF7A4D"),
    signed=("#B7DBFC", "#6DB3F2", "#3F80BC", "#254A70", "#10141A", "#5C3118", "#A9501C", "#EE7F3C", "#FFC49B"),
)


def picture_css() -> str:
    """Return the variables that pictures draw with: the host's own where it has them, else ours.

    A picture sets `data-theme` on itself, because a shadow root cannot ask its host for its theme.
    """
    return f".hs {{ {_picture(LIGHT)} }}\n.hs[data-theme=dark] {{ {_picture(DARK)} }}\n"


def host_css(theme: Theme) -> str:
    """Return the variables that Streamlit gives its components, for pages that stand alone."""
    light = f":root {{ color-scheme: light; {_host(LIGHT)} }}\n"
    dark = f":root {{ color-scheme: dark; {_host(DARK)} }}\n"
    if theme == "auto":
        return f"{light}@media (prefers-color-scheme: dark) {{ {dark} }}\n"
    return light if theme == "light" else dark


def _picture(palette: Palette) -> str:
    return (
        f"--hs-paper: var(--st-background-color, {palette.paper}); "
        f"--hs-panel: var(--st-secondary-background-color, {palette.panel}); "
        f"--hs-ink: var(--st-text-color, {palette.ink}); "
        f"--hs-border: var(--st-border-color, {palette.border}); "
        f"--hs-accent: var(--st-primary-color, {palette.accent}); "
        f"--hs-muted: {palette.muted}; --hs-selected: {palette.selected}; "
        f"--hs-attention: {', '.join(palette.attention)}; --hs-loss: {', '.join(palette.loss)}; "
        f"--hs-signed: {', '.join(palette.signed)};"
    )


def _host(palette: Palette) -> str:
    return (
        f"--st-background-color: {palette.paper}; "
        f"--st-secondary-background-color: {palette.panel}; --st-text-color: {palette.ink}; "
        f"--st-border-color: {palette.border}; --st-primary-color: {palette.accent}; "
        f"--st-font: {FONT}; --st-code-font: {CODE_FONT};"
    )
