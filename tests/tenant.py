"""A tenant's machine in a test: made by the same program as that of `dicos-site verify`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dicos_site.remote import Remote
from dicos_site.verify.context import Context
from dicos_site.verify.visit import Steps, Visit
from tests.rack import Rack


@dataclass(frozen=True)
class Tenant:
    """A person with a network and a floating address, and what she does."""

    visit: Visit
    address: str

    def boot(self) -> Steps:
        """Make a machine and wait until it knows its address and its name."""
        return self.visit.run("boot")

    def run(self, *actions: str, **further: object) -> Steps:
        """Take actions of dicos_site/verify/visiting/tenant.py."""
        return self.visit.run(*actions, **further)

    def seconds_until_ping(self, seconds: float) -> float:
        """Return how long the floating address takes to answer from outside; `seconds` where it does not."""
        return self.visit.seconds_until_ping(self.address, seconds)


@contextmanager
def tenant(rack: Rack) -> Iterator[Tenant]:
    """Yield a tenant who has all but a machine; afterwards nothing of her is left."""
    with Remote(rack.site) as remote, Visit(rack.site, Context(rack.site, rack.folder, remote)) as visit:
        steps = visit.run("prepare")
        visit.forget_others()
        yield Tenant(visit, str(steps["address"]["floating"]))
