"""Site → tables of what follows from it, for people."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dicos_site.model import Site
from dicos_site.overview import addresses, hosts, ports
from dicos_site.placement import groups

if TYPE_CHECKING:
    from rich.table import Table

Cell = str


def tables(site: Site) -> Iterator["Table"]:
    """Yield placement, groups, ports and addresses."""
    yield _table(
        "Placement",
        ("host", "kind", "address", "disks", "services"),
        [
            (
                _text(row["name"]),
                _text(row["kind"]),
                _text(row["address"]),
                _counted(row["disks"]),
                _text(row["services"]),
            )
            for row in hosts(site)
        ],
    )
    yield _table(
        "Groups",
        ("group", "hosts"),
        [(name, _text(members) or "-") for name, members in groups(site).items()],
    )
    yield _table(
        "Ports: who may connect",
        ("service", "port", "protocol", "number", "TLS", "address", "from"),
        [
            (
                *(_text(row[key]) for key in ("service", "name", "protocol", "port", "tls")),
                "VIP" if row["on"] == ["VIP"] else "own",
                _text(row["groups"]),
            )
            for row in ports(site)
        ],
    )
    yield _table(
        "Addresses",
        ("address", "name", "what"),
        [tuple(_text(row[key]) for key in ("address", "name", "what")) for row in addresses(site)],
    )


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(
            column, overflow="fold", no_wrap=column in {"host", "kind", "address", "name", "service"}
        )
    for row in rows:
        table.add_row(*row)
    return table


def _text(value: object) -> Cell:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(entry) for entry in value)
    return "" if value is None else str(value)


def _counted(disks: object) -> Cell:
    """Return ["10 GiB", "10 GiB"] as "2 x 10 GiB" and a list of devices as their number."""
    names = [str(disk) for disk in disks] if isinstance(disks, list) else []
    if len(set(names)) == 1:
        return f"{len(names)} x {names[0]}" if names[0].endswith("GiB") else names[0]
    return f"{len(names)} disks" if names else ""
