"""Draft → mistakes: the rules that several values break together."""

from dicos_site.description.draft import Draft
from dicos_site.description.mistake import Mistake
from dicos_site.description.rules.addresses import address_mistakes
from dicos_site.description.rules.cloud import cloud_mistakes
from dicos_site.description.rules.hosts import host_mistakes
from dicos_site.description.rules.networks import network_mistakes
from dicos_site.description.rules.placing import placement_mistakes


def broken_rules(draft: Draft) -> tuple[Mistake, ...]:
    """Return every mistake that takes more than one value to see."""
    return (
        *network_mistakes(draft),
        *address_mistakes(draft),
        *host_mistakes(draft),
        *placement_mistakes(draft),
        *cloud_mistakes(draft),
    )
