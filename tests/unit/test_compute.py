"""nova's cells, hosts and KVM: what is decided from what was read."""

import uuid
from pathlib import Path

import pytest

import tests.modules  # noqa: F401  (finds what the modules share)
from dicos_site import description
from dicos_site.variables import host_variables, site_variables
from dicos_site.variables.compute import volume_secret_uuid
from plugins.modules.kvm_trial import command, judged, trial
from plugins.modules.nova_cells import CELL0, Cell, corrections, wanted_cells
from tests.modules import run_module
from tests.unit.racks import EXAMPLE, lab

CONFIG = """[DEFAULT]
transport_url = rabbit://nova:one@a:5671,nova:one@b:5671,nova:one@c:5671/nova
[api_database]
connection = mysql+pymysql://nova:two@api:3306/nova_api?charset=utf8mb4&ssl_ca=/ca.crt
[database]
connection = mysql+pymysql://nova:two@api:3306/nova?charset=utf8mb4&ssl_ca=/ca.crt
"""


def known(brokers: int) -> list[Cell]:
    cell0, cell1 = wanted_cells(brokers)
    return [cell0, Cell("u1", "cell1", cell1.transport_url, cell1.database)]


def test_urls_of_cells_are_templates_without_a_password() -> None:
    cell0, cell1 = wanted_cells(2)
    assert cell0.database == "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell0?{query}"
    assert cell1.transport_url == (
        "{scheme}://{username1}:{password1}@{hostname1}:{port1},"
        "{username2}:{password2}@{hostname2}:{port2}/{path}"
    )


def test_a_single_broker_has_no_number() -> None:
    assert wanted_cells(1)[1].transport_url == "{scheme}://{username}:{password}@{hostname}:{port}/{path}"


def test_cells_that_are_not_there_are_made() -> None:
    verbs = [work.command[2] for work in corrections(wanted_cells(3), [])]
    assert verbs == ["map_cell0", "create_cell"]


def test_cells_that_are_right_are_left_alone() -> None:
    assert corrections(wanted_cells(3), known(3)) == []


def test_a_cell_learns_that_a_broker_was_added() -> None:
    (work,) = corrections(wanted_cells(3), known(1))
    assert work.command[2:5] == ("update_cell", "--cell_uuid", "u1")


def test_a_cell_with_a_password_in_its_url_loses_it() -> None:
    filled = Cell(CELL0, "cell0", "none:///", "mysql+pymysql://nova:two@api:3306/nova_cell0")
    (work,) = corrections(wanted_cells(3), [filled, known(3)[1]])
    assert work.name == "cell0"


def test_a_cell_that_somebody_added_stays() -> None:
    more = Cell("u2", "cell2", "rabbit://elsewhere", "mysql://elsewhere")
    assert corrections(wanted_cells(3), [*known(3), more]) == []


def test_no_command_holds_a_secret() -> None:
    words = " ".join(word for work in corrections(wanted_cells(3), []) for word in work.command)
    assert words.count("password") == words.count("{password")


def test_nova_s_own_file_says_how_its_databases_are_reached(tmp_path: Path) -> None:
    from ansible.module_utils.nova_database import NovaDatabase

    (tmp_path / "nova.conf").write_text(CONFIG)
    database = NovaDatabase(tmp_path / "nova.conf")
    assert database.brokers() == 3
    assert database.url("database", "nova_cell0") == (
        "mysql+pymysql://nova:two@api:3306/nova_cell0?charset=utf8mb4&ssl_ca=/ca.crt"
    )


@pytest.mark.parametrize(("name", "more"), [("nova_cells", {}), ("nova_hosts", {"names": ["node1"]})])
def test_without_a_configuration_nothing_is_done(name: str, more: dict[str, object], tmp_path: Path) -> None:
    said = run_module(name, {"config": str(tmp_path / "nova.conf"), **more})
    assert said["msg"] == (
        f"there is no configuration of nova\n  at:  {tmp_path / 'nova.conf'}\n  fix: run role nova first"
    )


def test_check_mode_before_nova_is_there_says_that_something_would_change(tmp_path: Path) -> None:
    said = run_module("nova_cells", {"config": str(tmp_path / "nova.conf")}, check_mode=True)
    assert said["changed"] is True


def test_a_firmware_that_speaks_proves_kvm() -> None:
    assert judged("\x1b[2JUEFI Interactive Shell v2.2", "", ended=False) == (True, "a firmware ran")


def test_an_internal_error_of_kvm_refutes_it() -> None:
    words = "warning: no pni\nKVM internal error. Suberror: 1\nemulation failure\nEAX=0000"
    assert judged("", words, ended=False) == (False, "KVM internal error. Suberror: 1, emulation failure")


def test_an_emulator_that_ends_refutes_it() -> None:
    assert judged("", "", ended=True) == (False, "the emulator ended without a word")


def test_a_firmware_that_is_silent_may_still_speak() -> None:
    assert judged("", "warning: no pni", ended=False) is None


def test_without_an_emulator_there_is_no_kvm(tmp_path: Path) -> None:
    works, reason = trial(tmp_path / "qemu", tmp_path / "firmware", 1)
    assert not works
    assert str(tmp_path / "qemu") in reason


def test_the_machine_of_the_trial_may_not_fall_back_to_emulation() -> None:
    words = command(Path("qemu"), Path("firmware"), Path("console"))
    assert words[words.index("-accel") + 1] == "kvm"


def test_no_two_hosts_and_no_two_purposes_share_a_uuid() -> None:
    site = lab()
    keys = ("nova_compute_uuid", "nova_compute_libvirt_uuid")
    found = [str(host_variables(site, host)[key]) for host in site.hosts for key in keys]
    assert len({*found, volume_secret_uuid(site)}) == len(found) + 1
    assert all(str(uuid.UUID(one)) == one for one in found)


def test_cinder_and_libvirt_mean_the_same_key() -> None:
    variables = site_variables(lab())
    assert variables["cinder_secret_uuid"] == variables["nova_compute_volume_secret_uuid"]


def test_a_host_keeps_memory_and_cores_for_its_osds() -> None:
    site = description.parse(EXAMPLE)
    node = next(host for host in site.hosts if host.disks)
    variables = host_variables(site, node)
    assert variables["nova_compute_reserved_memory_mib"] == 4096 + 5120 * len(node.disks)
    assert variables["nova_compute_reserved_cores"] == 1 + len(node.disks)
