"""docs/runbooks/*.md → docs/runbooks/README.md: one line a health code, its page's first."""

from pathlib import Path

RUNBOOKS = Path(__file__).resolve().parent.parent / "docs" / "runbooks"
INDEX = RUNBOOKS / "README.md"
HEAD = """# Runbooks

One page a health code. The same codes are in `dicos-site verify` and `dicos-site status`.

| code | what it says |
|---|---|
"""


def index(folder: Path) -> str:
    """Return the index of all pages in a folder: the sentence is the first line after the page's heading."""
    pages = sorted(page for page in folder.glob("*.md") if page.name != INDEX.name)
    return HEAD + "".join(f"| [{page.stem}]({page.name}) | {_sentence(page)} |\n" for page in pages)


def _sentence(page: Path) -> str:
    lines = [line.strip() for line in page.read_text().splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


if __name__ == "__main__":
    INDEX.write_text(index(RUNBOOKS))
