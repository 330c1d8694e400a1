"""A saved run as one zip file, to send to a colleague: written, and read from someone who may not be trusted."""

import io
import shutil
import tempfile
import zipfile
from pathlib import Path

from interp_core.errors import SavedRunError
from interp_core.run_writing import publish_folder
from interp_core.saved_runs import MANIFEST, VALUE_NORMS, SavedRun, layer_file, open_run

MOST_ARCHIVE_BYTES = 4 * 1024**3
_MOST_LAYERS = 1000
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


def write_archive(run: SavedRun, file: io.BytesIO) -> None:
    """Write a run as a zip file, uncompressed: patterns in 16 bits hardly shrink."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in (MANIFEST, *run.checksums):
            archive.write(run.folder / name, name)


def read_archive(file: io.BytesIO, folder: Path) -> SavedRun:
    """Unpack a run into `folder`, check every file of it, and return it.

    Raises:
        SavedRunError: The file is no zip of a saved run, is too large, or is not what was written.
    """
    allowed = {MANIFEST, VALUE_NORMS, *map(layer_file, range(_MOST_LAYERS))}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            zipfile.ZipFile(file) as archive,
            tempfile.TemporaryDirectory(dir=folder, prefix=".reading-", ignore_cleanup_errors=True) as name,
        ):
            members = archive.infolist()
            if not members or not {member.filename for member in members} <= allowed:
                raise SavedRunError(
                    "This zip file is not a saved run of Hookscope: it holds other files. Pick another."
                )
            if any(member.compress_type not in _PLAIN or member.flag_bits & _ENCRYPTED for member in members):
                raise SavedRunError(
                    "This zip file is encrypted or compressed in a rare way. Ask for it to be made anew."
                )
            _check_size(sum(member.file_size for member in members), folder)
            for member in members:
                archive.extract(member, name)
            run = open_run(Path(name))
            _check_all(run)
            target = folder / run.facts.key
            publish_folder(Path(name), target)
            return open_run(target)
    except (zipfile.BadZipFile, EOFError) as error:
        raise SavedRunError(
            f"This is not a zip file that can be read ({error}). Pick the zip of a saved run."
        ) from error
    except OSError as error:
        raise SavedRunError(f"The run cannot be unpacked in {folder} ({error.strerror or error}).") from error


def _check_size(size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if size > min(MOST_ARCHIVE_BYTES, free):
        raise SavedRunError(
            f"The run takes {size / 1e9:.2f} GB unpacked; at most {MOST_ARCHIVE_BYTES / 1e9:.1f} GB are taken, and "
            f"{free / 1e9:.2f} GB are free."
        )


def _check_all(run: SavedRun) -> None:
    run.value_norms()
    for layer in range(run.shape.n_layers):
        if layer_file(layer) in run.checksums:
            run.layer(layer, heads=[0])
