"""`python -m dicos_site` is the dicos-site command."""

import sys

from dicos_site.cli import main

sys.exit(main())
