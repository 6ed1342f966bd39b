"""docs/runbooks/*.md → docs/runbooks/README.md: one line a health code."""

import re
from pathlib import Path

RUNBOOKS = Path(__file__).resolve().parent.parent / "docs" / "runbooks"
INDEX = RUNBOOKS / "README.md"
HEAD = """# Runbooks

One page a health code. The same codes are in `dicos-site verify` and `dicos-site status`.

| code | what it says |
|---|---|
"""


def index(folder: Path) -> str:
    """Return the index of all pages in a folder: the first sentence below each page's heading."""
    pages = sorted(page for page in folder.glob("*.md") if page.name != INDEX.name)
    return HEAD + "".join(f"| [{page.stem}]({page.name}) | {_sentence(page)} |\n" for page in pages)


def _sentence(page: Path) -> str:
    _, _, text = page.read_text().partition("\n\n")
    return re.split(r"(?<=[.])\s", " ".join(text.split()), maxsplit=1)[0]


if __name__ == "__main__":
    INDEX.write_text(index(RUNBOOKS))
