"""Names → folders: the project, a site's inventory, and what the controller keeps outside the tree."""

import difflib
import os
from pathlib import Path

from dicos_site.errors import Problem, UsageError
from dicos_site.model import Site

RACK_FILE = "rack.yml"


def project_root() -> Path:
    """Return the folder that holds site.yml, roles/ and inventories/."""
    return Path(__file__).resolve().parent.parent


def site_names() -> tuple[str, ...]:
    """Return the folders of inventories/ that hold a rack.yml, sorted."""
    return tuple(sorted(path.parent.name for path in _inventories().glob(f"*/{RACK_FILE}")))


def site_folder(name: str) -> Path:
    """Return the folder of a site: `name` is a folder with rack.yml, that file, or a folder of inventories/.

    UsageError names the sites that exist.
    """
    path = Path(name).expanduser()
    candidates = (path.parent if path.name == RACK_FILE else path, _inventories() / name)
    for folder in candidates if name else ():
        if (folder / RACK_FILE).is_file():
            return folder.resolve()
    raise UsageError(_no_site(name))


def new_site_folder(name: str) -> Path:
    """Return the folder that `init` fills for a site that does not exist yet."""
    return _inventories() / name


def site_home(site: Site) -> Path:
    """Return the site's folder outside the tree, readable by its owner only; made when missing.

    It holds vault-password, ssh/id_ed25519, ssh/known_hosts, logs/ and state.
    """
    home = home_path(site)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def home_path(site: Site) -> Path:
    """Return where `site_home` is, without making it."""
    base = os.environ.get("DICOS_SITE_HOME") or "~/.dicos-site"
    return Path(base).expanduser().absolute() / site.site


def _inventories() -> Path:
    return project_root() / "inventories"


def _no_site(name: str) -> Problem:
    names = site_names()
    near = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(names) or "none yet"
    fix = (
        f'did you mean "{near[0]}"? '
        if near
        else "give one of them, a path, or make it with `dicos-site init NAME`; "
    )
    return Problem(f'there is no site "{name}"', str(_inventories()), f"{fix}sites here: {listed}")
