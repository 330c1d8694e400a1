"""Dashboards of features as files: one page, or a zip of many with an index. They open from disk, without a network."""

import re
import zipfile
from collections.abc import Iterable
from io import BufferedIOBase

import numpy as np

from interp_views.component import Component
from interp_views.feature_dashboard import FeatureView, feature_dashboard_payload, plain
from interp_views.theme import Theme
from interp_views.tokens import visible
from interp_views.wire import pack, relabelled

_INDEX = "index.html"
_FOLDER = "features"
_INDEX_TOKENS = 5
_LONGEST_NAME = 60
# The same views give the same bytes: no file says when it was written.
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_LEVEL = 1
"""Of deflating. What varies in a page is packed already: a higher level takes three times as long and saves a seventh."""


def feature_page(view: FeatureView, theme: Theme = "auto") -> str:
    """Return the dashboard of one feature as one HTML page that may not and need not use the network.

    Raises:
        ValueError: The view cannot be drawn: see `feature_dashboard_payload`.
    """
    return Component.load("feature_dashboard").standalone(feature_dashboard_payload(view), _title(view), theme)


def write_feature_set(
    file: BufferedIOBase, views: Iterable[FeatureView], title: str = "Features", theme: Theme = "auto"
) -> int:
    """Write a zip: `index.html`, a table that can be searched and sorted, and a page for each feature linked from it.

    Views are taken one at a time, so that a generator keeps one in memory. A page takes about 80 kB, 25 to 35 kB zipped.

    Args:
        file: A binary file to write to.
        views: The features, in the order of the table.
        title: Heading of the index.
        theme: Colours of all pages; "auto" follows the reader's system.

    Returns:
        How many features were written.

    Raises:
        ValueError: There are no views, or one that cannot be drawn.
    """
    component = Component.load("feature_dashboard")
    rows: list[list[str]] = []
    numbers: list[tuple[float, float]] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for view in views:
            path = f"{_FOLDER}/{len(rows):05d}-{_filename(view.name)}.html"
            payload = relabelled(feature_dashboard_payload(view), back=f"../{_INDEX}")
            _write(archive, path, component.standalone(payload, _title(view), theme))
            rows.append(_row(view, path))
            numbers.append((view.density, view.largest if view.activations else np.nan))
        if not rows:
            raise ValueError("There are no features to write: give at least one.")
        columns = np.array(numbers, np.float32)
        index = pack({"rows": rows}, {"density": columns[:, 0], "max": columns[:, 1]})
        _write(archive, _INDEX, Component.load("feature_dashboard_index").standalone(index, title, theme))
    return len(rows)


def _row(view: FeatureView, path: str) -> list[str]:
    tokens = view.promoted.tokens[:_INDEX_TOKENS] if view.promoted else ()
    return [plain(view.name), path, plain(view.label), view.label_by, *map(visible, tokens)]


def _title(view: FeatureView) -> str:
    return f"{view.name}, {view.sae}" if view.sae else view.name


def _filename(name: str) -> str:
    """Return a name that every file system takes; the number before it keeps equal ones apart."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:_LONGEST_NAME]


def _write(archive: zipfile.ZipFile, path: str, page: str) -> None:
    archive.writestr(zipfile.ZipInfo(path, _NO_DATE), page.encode(), zipfile.ZIP_DEFLATED, _LEVEL)
