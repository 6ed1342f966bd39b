"""Site → its rack in a box: up, down, stop."""

from contextlib import AbstractContextManager, suppress
from functools import partial

from dicos_site import places
from dicos_site.errors import LabError, Problem
from dicos_site.lab import (
    daemon,
    disk,
    host,
    image,
    incus,
    install,
    locks,
    mirrors,
    names,
    network,
    packages,
    parallel,
    ssh,
)
from dicos_site.lab.progress import Progress, silent
from dicos_site.model import Host, Site


def up(site: Site, progress: Progress = silent) -> None:
    """Make, start and reach every host of the rack; what is there already is left as it is."""
    require_lab(site)
    daemon.require_root()
    with lock(site, progress):
        with locks.held(image.cache() / "machine.lock", lambda: progress("another lab is starting: waiting")):
            daemon.ensure(progress)
            network.check_free(site)
            network.guard(site)
            network.ensure(site)
            _ensure_project(site)
        _check_addresses(site)
        images = _images(site, progress)
        progress(f"starting {len(site.hosts)} hosts")
        key = ssh.ensure_key(site)
        parallel.each(site.hosts, lambda entry: _ensure_host(site, entry, images, key), threads=4)
        progress("waiting for SSH")
        reach(site)


def down(site: Site, progress: Progress = silent) -> None:
    """Remove the hosts, snapshots, bridges and project; nothing of another lab; the guard routes stay."""
    require_lab(site)
    daemon.require_root()
    with lock(site, progress):
        if not install.INCUSD.exists():
            return
        if not incus.answers():
            daemon.start(progress)
        project = names.project(site)
        network.guard(site)
        found = tuple(states(site))
        progress(f"removing {len(found)} hosts")
        disk.free_all(site)
        parallel.each(found, partial(_remove, project))
        network.remove(site)
        _remove_project(project)
        (ssh.folder(site) / "known_hosts").unlink(missing_ok=True)


def stop(site: Site, progress: Progress = silent) -> None:
    """Shut every host down in an orderly way and keep it; `up` starts them again."""
    require_up(site)
    with lock(site, progress):
        progress(f"shutting {len(site.hosts)} hosts down")
        parallel.each(states(site), lambda name: set_state(site, name, "stop", force=False))


def reach(site: Site) -> None:
    """Wait until every host answers over SSH, learn their keys and prove that we get in."""
    ssh.write_known_hosts(site, parallel.each(site.hosts, partial(ssh.wait, site), threads=len(site.hosts)))
    parallel.each(site.hosts, partial(ssh.prove, site))


def reach_one(site: Site, entry: Host) -> None:
    """Wait until one host answers over SSH with the key we know."""
    ssh.wait(site, entry)
    ssh.prove(site, entry)


def require_lab(site: Site) -> None:
    """LabError where the site is made of real servers: nothing here may touch those."""
    if site.substrate != "incus":
        raise LabError(
            Problem(
                f"{site.site} is made of real servers, not a lab",
                "substrate",
                "`substrate: incus` in rack.yml makes a lab; never set it for servers in use",
            )
        )


def require_up(site: Site) -> None:
    """LabError where the lab has no hosts or the daemon does not answer."""
    require_lab(site)
    daemon.require_root()
    if not (install.INCUSD.exists() and incus.answers() and states(site)):
        raise LabError(Problem(f"the lab {site.site} is not up", "", "dicos-site lab up"))


def states(site: Site) -> dict[str, str]:
    """Return {host: "Running", "Stopped", "Frozen" or "Error"} of the hosts that exist."""
    found = incus.find("/1.0/instances", project=names.project(site), recursion="1") or []
    return {entry["name"]: entry["status"] for entry in found}


def set_state(site: Site, name: str, action: str, *, force: bool = True) -> None:
    """Start, stop, freeze or unfreeze a host; stopping by force is pulling the plug."""
    # An orderly stop that hangs becomes an error after two minutes, not a wait for ever.
    body: dict[str, object] = {"action": action, "force": force, "timeout": -1 if force else 120}
    incus.put(f"/1.0/instances/{name}/state", body, project=names.project(site))


def lock(site: Site, progress: Progress) -> AbstractContextManager[None]:
    """Hold the lab against other commands that change it."""
    return locks.held(
        places.site_home(site) / "lab.lock", lambda: progress("another lab command is at work: waiting")
    )


def _ensure_project(site: Site) -> None:
    name = names.project(site)
    if incus.find(f"/1.0/projects/{name}") is None:
        # Images are shared between labs; bridges always belong to the default project.
        features = {"features.images": "false", "features.networks": "false", "features.profiles": "true"}
        incus.post("/1.0/projects", {"name": name, "config": features | {"user.dicos.site": site.site}})


def _images(site: Site, progress: Progress) -> dict[str, str]:
    """Return {host: fingerprint of its image} of the hosts to be made; equal packages share an image."""
    there = states(site)
    absent = [entry for entry in site.hosts if entry.name not in there]
    wanted = {entry.name: packages.of_host(site, entry) for entry in absent}
    kinds = {wanted[entry.name]: entry.kind for entry in reversed(absent)}
    source = mirrors.of_site(site) if absent else mirrors.Mirrors("")
    lists = tuple(kinds)
    # Two at a time: a bake uses one core.
    made = parallel.each(lists, lambda each: image.ensure(each, source, kinds[each], progress), threads=2)
    fingerprints = dict(zip(lists, made, strict=True))
    return {name: fingerprints[listed] for name, listed in wanted.items()}


def _check_addresses(site: Site) -> None:
    found = {entry["name"]: entry["config"] for entry in _details(site)}
    moved = [
        Problem(
            f"{entry.name} is up with the address {address}, rack.yml says {entry.address}",
            f"hosts.{entry.name}.address",
            "dicos-site lab down, then lab up: the hosts are made anew",
        )
        for entry in site.hosts
        if (address := found.get(entry.name, {}).get(host.KEY + "address")) not in (None, str(entry.address))
    ]
    if moved:
        raise LabError(*moved)


def _ensure_host(site: Site, entry: Host, images: dict[str, str], key: str) -> None:
    project = names.project(site)
    if entry.name in images:
        incus.post("/1.0/instances", host.instance(site, entry, images[entry.name], key), project=project)
    found = incus.get(f"/1.0/instances/{entry.name}", project=project)
    status = found["status"]
    if status == "Frozen":
        set_state(site, entry.name, "unfreeze")
    elif status != "Running":
        if status != "Stopped":
            set_state(site, entry.name, "stop")
        set_state(site, entry.name, "start")
    if found["config"].get(host.KEY + "keys", "").strip() != key.strip():
        _admit(project, entry.name, key)


def _admit(project: str, name: str, key: str) -> None:
    """Let a new key in: the lab's own was lost, or rack.yml names another now."""
    file = "/root/.ssh/authorized_keys"
    script = f"grep -qxF '{key.strip()}' {file} || echo '{key.strip()}' >> {file}"
    incus.execute(project, name, "sh", "-c", script)
    # The image's template writes the option into the file at each start.
    incus.run("config", "set", "--project", project, name, f"{host.KEY}keys={key.strip()}")


def _details(site: Site) -> list[incus.Json]:
    found: list[incus.Json] = incus.find("/1.0/instances", project=names.project(site), recursion="1") or []
    return found


def _remove(project: str, name: str) -> None:
    body: dict[str, object] = {"action": "stop", "force": True, "timeout": -1}
    # Stopped already, or half dead: the removal says what is really wrong.
    with suppress(incus.IncusError):
        incus.put(f"/1.0/instances/{name}/state", body, project=project)
    incus.delete(f"/1.0/instances/{name}", project=project)


def _remove_project(project: str) -> None:
    if incus.find(f"/1.0/projects/{project}") is None:
        return
    for profile in incus.get("/1.0/profiles", project=project, recursion="1"):
        if profile["name"] != "default":
            incus.delete(f"/1.0/profiles/{profile['name']}", project=project)
    incus.delete(f"/1.0/projects/{project}")
