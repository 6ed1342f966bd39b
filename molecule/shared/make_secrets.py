"""A scenario's folder → its secrets, made as `dicos-site deploy` makes them."""

import sys
from pathlib import Path

from dicos_site import description, secrets

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    secrets.ensure(folder, description.read(folder))
