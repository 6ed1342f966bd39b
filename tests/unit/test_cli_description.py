"""The command line: init, validate, show, and how main() ends."""

import importlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from dicos_site import description, places
from dicos_site.cli import GROUPS, VERBS, main
from dicos_site.errors import DeploymentError, Problem
from tests.unit.racks import EXAMPLE, LAB, changed


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return inventories/ of a project that holds the lab and the example, and nothing else."""
    for name, text in {"lab": LAB, "example": EXAMPLE}.items():
        (tmp_path / "inventories" / name).mkdir(parents=True)
        (tmp_path / "inventories" / name / "rack.yml").write_text(text)
    (tmp_path / "templates").symlink_to(places.project_root() / "templates")
    for module in ("dicos_site.places", "dicos_site.templating"):
        monkeypatch.setattr(f"{module}.project_root", lambda: tmp_path)
    return tmp_path / "inventories"


Output = pytest.CaptureFixture[str]


def test_a_right_rack_is_told_what_comes_next(project: Path, capsys: Output) -> None:
    assert main(["validate"]) == 0
    assert capsys.readouterr().out == (
        "TW-LAB: 7 hosts (3 controller, 3 node, 1 hub); no mistakes\nnext: dicos-site lab up\n"
    )


def test_a_site_is_a_folder_of_inventories_or_a_path(
    project: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for name in ("example", str(project / "example"), str(project / "example" / "rack.yml"), "./example"):
        assert main(["validate", name]) == 0
        assert capsys.readouterr().out.startswith(
            "EXAMPLE-T2: 16 hosts (3 controller, 5 storage, 7 compute, 1 hub)"
        )


def test_a_wrong_rack_is_refused_on_standard_error(project: Path, capsys: Output) -> None:
    (project / "lab" / "rack.yml").write_text(changed(("kind: hub", "kind: hubs"), ("share: 60", "share: 0")))
    assert main(["validate"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        '"hubs" is not a kind of host\n'
        "  at:  hosts.hub1.kind, line 16\n"
        '  fix: did you mean "hub"? choices: controller, node, storage, compute, hub\n'
        "\n"
        '0 is out of range for "share": it is at least 1\n'
        "  at:  communities.ams.share, line 18\n"
        "  fix: write for example 60\n"
        "\n"
    )


def test_validate_reports_as_json(project: Path, capsys: Output) -> None:
    assert main(["validate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"site": "TW-LAB", "valid": True, "problems": []}


def test_mistakes_are_reported_as_json(project: Path, capsys: Output) -> None:
    (project / "lab" / "rack.yml").write_text(changed(("share: 60", "share: 0")))
    assert main(["validate", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "error": "DescriptionError",
        "problems": [
            {
                "what": '0 is out of range for "share": it is at least 1',
                "where": "communities.ams.share, line 18",
                "fix": "write for example 60",
            }
        ],
    }


def test_a_site_that_is_not_there_is_a_wrong_command_line(project: Path, capsys: Output) -> None:
    assert main(["validate", "exampel"]) == 64
    assert capsys.readouterr().err == (
        'there is no site "exampel"\n'
        f"  at:  {project}\n"
        '  fix: did you mean "example"? sites here: example, lab\n\n'
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (
            ["validat"],
            "No such command 'validat'\n  at:  the command line\n  fix: did you mean `dicos-site validate`?",
        ),
        (["validate", "--quick"], "No such option: --quick"),
        (["validate", "lab", "lab"], "Got unexpected extra argument"),
        (["init"], "Missing argument"),
        (["init", "x", "--nodes", "many"], "Invalid value for '--nodes'"),
        (["show", "--svg"], "Option '--svg' requires an argument"),
        (["--nothing"], "No such option: --nothing"),
    ],
)
def test_a_wrong_command_line_is_64(capsys: Output, words: list[str], what: str) -> None:
    assert main(words) == 64
    assert what in capsys.readouterr().err


def test_no_verb_at_all_is_answered_with_help(capsys: Output) -> None:
    assert main([]) == 64
    assert "validate" in capsys.readouterr().out


def test_help_names_every_verb_that_is_there_with_its_sentence(capsys: Output) -> None:
    assert main(["--help"]) == 0
    assert "Report every mistake of rack.yml at once" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(capsys: Output, verb: str) -> None:
    family = importlib.import_module(f"dicos_site.cli.{VERBS[verb]}")
    acts = typer.main.get_group(family.app).commands if verb in GROUPS else [""]
    for act in acts:
        assert main([verb, *filter(None, [act]), "--help"]) == 0
        # The usage line is not an example.
        assert capsys.readouterr().out.count(f"dicos-site {verb}") >= 2, f"{verb} {act}"


def test_an_interrupt_is_130(project: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(description, "read", interrupted)
    assert main(["validate"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_any_error_of_a_site_ends_in_its_own_exit_code(
    project: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> None:
        raise DeploymentError(Problem("ctl1 does not answer"), Problem("ctl2 does not answer"))

    monkeypatch.setattr(description, "read", refused)
    assert main(["validate"]) == 4
    assert capsys.readouterr().err == "ctl1 does not answer\n\nctl2 does not answer\n\n"


def test_a_bug_of_ours_is_not_hidden(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(description, "read", broken)
    with pytest.raises(ZeroDivisionError):
        main(["validate"])


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m dicos_site show --json | head -c 10"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_validate_takes_less_than_a_second_and_waits_for_no_other_library() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dicos_site", "validate", "example"],
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Time on the processor: the wall clock of a busy machine says nothing about us.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {
        "ansible",
        "ansible_runner",
        "cryptography",
        "fabric",
        "jinja2",
        "paramiko",
        "pika",
        "pymysql",
    }


def test_a_new_site_validates(project: Path, capsys: Output) -> None:
    assert main(["init", "box", "--substrate", "incus"]) == 0
    site = description.read(project / "box")
    assert (site.site, site.domain, site.substrate) == ("BOX", "box.dicos.test", "incus")
    assert [host.kind for host in site.hosts] == ["controller"] * 3 + ["node"] * 3 + ["hub"]
    assert "next: read it, then dicos-site validate box" in capsys.readouterr().out


def test_a_new_site_has_the_hosts_of_its_flags(project: Path) -> None:
    names = "--site TW-T2 --domain t2.example.org --network 192.0.2.0/24"
    counts = "--controllers 5 --storage 4 --compute 12 --hubs 0"
    assert (
        main(
            ["init", "t2", *names.split(), *counts.split(), "--provider", "", "--device", "/dev/disk/by-id/a"]
        )
        == 0
    )
    site = description.read(project / "t2")
    kinds = [host.kind for host in site.hosts]
    assert {kind: kinds.count(kind) for kind in kinds} == {"controller": 5, "storage": 4, "compute": 12}
    assert site.networks.provider is None
    assert site.hosts[5].disks[0].device == "/dev/disk/by-id/a"


@pytest.mark.parametrize("name", ["a", "9lives", "x-1", "a-very-long-name-for-a-small-site"])
def test_any_name_of_a_folder_gives_a_name_of_a_site(project: Path, name: str) -> None:
    assert main(["init", name]) == 0
    assert description.read(project / name).substrate == "metal"


def test_a_new_site_asks_where_there_is_a_terminal(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = iter(["ASKED", "", "incus", "", "", "1", "4"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda question, default, **_: next(replies) or default)
    assert main(["init", "asked"]) == 0
    site = description.read(project / "asked")
    assert (site.site, site.substrate, len(site.hosts)) == ("ASKED", "incus", 6)


def test_a_site_is_never_overwritten(project: Path, capsys: Output) -> None:
    assert main(["init", "lab"]) == 2
    assert (project / "lab" / "rack.yml").read_text() == LAB
    assert capsys.readouterr().err.startswith('the site "lab" is already there\n')


def test_a_new_site_of_two_controllers_has_an_arbiter(project: Path) -> None:
    assert main(["init", "two", "--controllers", "2"]) == 0
    assert description.read(project / "two").placement == {
        "galera_arbiter": ("hub1",),
        "rabbitmq": ("ctl1", "ctl2", "hub1"),
        "ceph_mon": ("ctl1", "ctl2", "hub1"),
        "ovn": ("ctl1", "ctl2", "hub1"),
    }


def test_a_new_site_that_could_not_work_is_not_written(project: Path, capsys: Output) -> None:
    assert main(["init", "two", "--controllers", "2", "--nodes", "0", "--hubs", "0"]) == 2
    assert not (project / "two").exists()
    assert "mariadb has 2 members" in capsys.readouterr().err


def test_a_new_site_that_is_too_small_is_a_wrong_command_line(project: Path, capsys: Output) -> None:
    assert main(["init", "small", "--network", "10.0.0.0/29"]) == 64
    assert capsys.readouterr().err.startswith("10.0.0.0/29 is too small for a rack\n")


def test_show_prints_placement_groups_ports_and_addresses(
    project: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["show"]) == 0
    shown = capsys.readouterr().out
    for title in ("Placement", "Groups", "Ports: who may connect", "Addresses"):
        assert title in shown
    assert "2 x 10 GiB" in shown
    assert "api.lab.dicos.test" in shown


def test_show_reports_as_json(project: Path, capsys: Output) -> None:
    assert main(["show", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["groups"]["mariadb"] == ["ctl1", "ctl2", "ctl3"]
    assert report["hosts"][3]["disks"] == ["10 GiB", "10 GiB"]
    assert {"address": "10.77.0.10", "name": "api.lab.dicos.test", "what": "VIP"} in report["addresses"]
    vip = next(port for port in report["ports"] if port["name"] == "mariadb-vip")
    assert (vip["on"], vip["from"], vip["port"]) == (["VIP"], ["ctl1", "ctl2", "ctl3", "hub1"], 3306)


def test_show_draws_the_rack(project: Path, tmp_path: Path, capsys: Output) -> None:
    assert main(["show", "--svg", str(tmp_path / "rack.svg")]) == 0
    assert (tmp_path / "rack.svg").read_text().startswith("<svg ")
    assert capsys.readouterr().out == f"the rack of TW-LAB is drawn in {tmp_path}/rack.svg\n"


def test_a_picture_that_cannot_be_written_is_a_wrong_command_line(project: Path, capsys: Output) -> None:
    assert main(["show", "--svg", "/nowhere/rack.svg"]) == 64
    assert capsys.readouterr().err.startswith("the picture cannot be written: No such file or directory\n")


def test_the_shell_completes_names_of_sites() -> None:
    words = {
        "_DICOS_SITE_COMPLETE": "complete_bash",
        "COMP_WORDS": "dicos-site validate ex",
        "COMP_CWORD": "2",
    }
    command = Path(sys.executable).parent / "dicos-site"
    done = subprocess.run([command], env={**os.environ, **words}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["example"]
