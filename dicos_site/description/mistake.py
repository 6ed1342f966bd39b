"""One broken rule of a document, before its line is known."""

from dataclasses import dataclass

from dicos_site.description.document import Document, Path
from dicos_site.errors import Problem


@dataclass(frozen=True)
class Mistake:
    """What is wrong at a path of the document, and the next step."""

    path: Path
    what: str
    fix: str

    def problem(self, document: Document) -> Problem:
        """Return the problem with its place in words."""
        return Problem(self.what, document.place(self.path), self.fix)
