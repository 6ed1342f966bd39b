"""The docstrings of dicos_site → the table of modules in docs/architecture.md, so that it cannot be stale."""

import ast
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules: made by tools/module_table.py -->\n", "<!-- end of modules -->\n"


def table(package: Path) -> str:
    """Return one row a module: its name and the first line of its docstring."""
    rows = [_row(path, package) for path in sorted(package.rglob("*.py")) if ast.get_docstring(_tree(path))]
    return "| module | what it does |\n|---|---|\n" + "".join(rows)


def with_table(page: str, rows: str) -> str:
    """Return the page with its table replaced."""
    return re.sub(f"{BEGIN}.*{END}", lambda _: BEGIN + rows + END, page, flags=re.DOTALL)


def _row(path: Path, package: Path) -> str:
    name = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
    first = (ast.get_docstring(_tree(path)) or "").splitlines()[0].replace("|", "\\|")
    return f"| `{'dicos_site' if name == '__init__' else name}` | {first} |\n"


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(), table(PROJECT / "dicos_site")))
