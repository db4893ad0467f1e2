"""The model bundles known to this installation."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from anofpdm.common.errors import BundleError, SettingsError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import one_line, toml_values
from anofpdm.common.user_path import user_path
from anofpdm.model.bundle_files import METADATA_FILE, ZIP_SUFFIX, looks_like_bundle, read_files
from anofpdm.model.bundle_metadata import BundleMetadata

logger = logging.getLogger(__name__)

BUNDLES_VARIABLE = "ANOFPDM_BUNDLES"
SETTINGS_VARIABLE = "ANOFPDM_SETTINGS"
PACKAGED = Path(__file__).parent / "bundles"


@dataclass(frozen=True)
class BundleEntry:
    """One line of the listing.

    Attributes
    ----------
    name : str
        What to pass to `load_bundle`: the folder's name, or the zip's without its suffix.
    path : Path
        The folder or zip.
    metadata : BundleMetadata or None
        None when they cannot be read.
    fault : str or None
        Why the bundle cannot be used under this name; None when nothing was found. The weights
        are not read here: `load_bundle` verifies them.
    """

    name: str
    path: Path
    metadata: BundleMetadata | None = None
    fault: str | None = None


def settings_path() -> Path:
    """Path of the user's settings file (TOML); ANOFPDM_SETTINGS names another one."""
    named = os.environ.get(SETTINGS_VARIABLE)
    return Path(named) if named else user_config_path("anofpdm") / "settings.toml"


def bundle_directories() -> tuple[Path, ...]:
    """Return the folders that are searched for bundles, in order.

    Those that come with the package, then those of the environment variable ANOFPDM_BUNDLES
    (separated as PATH is), then `bundle_dirs` of the user's settings file.

    Raises
    ------
    SettingsError
        When the settings file is not valid TOML, or `bundle_dirs` no list of strings.
    """
    named = os.environ.get(BUNDLES_VARIABLE, "").split(os.pathsep)
    return (
        PACKAGED,
        *(user_path(each) for each in named if each),
        *_directories_of_settings(settings_path()),
    )


def list_bundles() -> tuple[BundleEntry, ...]:
    """List every bundle found, broken ones with their fault.

    Raises
    ------
    SettingsError
        When the user's settings file cannot be used.
    """
    entries: list[BundleEntry] = []
    taken: dict[str, Path] = {}
    for path in _candidates():
        entry = read_entry(path)
        if entry.name in taken:
            fault = f"Hidden by {taken[entry.name]}, which has the same name; use the path."
            entry = BundleEntry(entry.name, path, entry.metadata, fault)
        taken.setdefault(entry.name, path)
        entries.append(entry)
    return tuple(entries)


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the path of a bundle, given its name or the path itself.

    Parameters
    ----------
    name_or_path : str or Path
        A registered name goes before a path of the same spelling; write ``./NAME`` for the path.

    Raises
    ------
    BundleError
        When it is neither; the message lists the known names.
    """
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and Path(text).name == text:
        for path in _candidates():
            if _name(path) == text:
                return path
    if os.path.lexists(text):  # a dead link is reported when it is read
        return Path(text)
    known = ", ".join(sorted({_name(path) for path in _candidates()})) or "none"
    raise BundleError(
        f"There is no bundle {text!r}: no such path exists, and the known names are {known}; "
        f"add bundle folders with the environment variable {BUNDLES_VARIABLE}."
    )


def _candidates() -> Iterator[Path]:
    for directory in bundle_directories():
        try:
            yield from (path for path in sorted(directory.iterdir()) if _listed(path))
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            if directory == PACKAGED and not directory.exists():
                continue  # a source tree whose model is still to be trained
            logger.warning("Bundle folder %s is skipped: %s", directory.name, _short(error))


def _listed(path: Path) -> bool:
    try:
        return looks_like_bundle(path)
    except OSError:
        return True  # a folder that may not be entered: its entry says so


def _short(error: OSError | ValueError) -> str:
    return one_line(getattr(error, "strerror", None) or error)


def _name(path: Path) -> str:
    return path.name.removesuffix(ZIP_SUFFIX)


def read_entry(path: Path) -> BundleEntry:
    """Read what a folder or zip says of itself, registered or not; a broken one gets its fault."""
    try:
        files = read_files(path, with_weights=False)
        metadata = BundleMetadata.parse(files.metadata, str(path / METADATA_FILE))
    except BundleError as error:
        return BundleEntry(_name(path), path, fault=str(error))
    return BundleEntry(_name(path), path, metadata)


def _directories_of_settings(path: Path) -> list[Path]:
    if not os.path.lexists(path):
        return []
    if (fault := missing_content(path)) is not None:
        raise SettingsError(fault)
    named = toml_values(path, "correct the settings file").get("bundle_dirs", [])
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise SettingsError(
            f'bundle_dirs in {path} is {named!r}; write a list of folders, ["/my/bundles"].'
        )
    return [path.parent / user_path(each) for each in named]
