"""A deployment's stages, memory, lock and what it says where it stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dicos_site import deploy, description, places
from dicos_site.causes import probable_cause, problem_of
from dicos_site.errors import DeploymentError, UsageError
from dicos_site.events import Failure
from dicos_site.lock import held
from dicos_site.model import Site
from dicos_site.progress import tally
from dicos_site.stages import STAGES, chosen_stages, stage_of_play

HOLD = "import sys, time; from pathlib import Path; from dicos_site.lock import held\n"
HOLD += "with held(Path(sys.argv[1]), 'TW-LAB'): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("DICOS_SITE_HOME", str(tmp_path))
    return description.read(places.project_root() / "inventories" / "lab")


def test_site_yml_imports_the_stages_in_their_order() -> None:
    imports = yaml.safe_load((places.project_root() / "site.yml").read_text())
    assert [play["ansible.builtin.import_playbook"] for play in imports] == [
        f"playbooks/{stage}.yml" for stage in STAGES
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_every_play_has_a_name_of_its_own_and_the_tag_of_its_stage(stage: str) -> None:
    plays = yaml.safe_load((places.project_root() / "playbooks" / f"{stage}.yml").read_text())
    assert [play["tags"] for play in plays] == [[stage]] * len(plays)
    assert [stage_of_play(play["name"]) for play in plays] == [stage] * len(plays)


def test_preflight_comes_before_whatever_is_chosen() -> None:
    assert chosen_stages(None, None) == STAGES
    assert chosen_stages("platform", None) == ("preflight", *STAGES[2:])
    assert chosen_stages(None, "base") == ("preflight", "base")


def test_an_unknown_stage_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError) as refusal:
        chosen_stages("plattform", None)
    assert str(refusal.value) == (
        f'there is no stage "plattform"\n  at:  the command line\n  fix: give one of: {", ".join(STAGES)}'
    )


def order(site: Site, *stages: str) -> deploy.Order:
    """Return what is asked for: the stages of a deployment."""
    return deploy.Order("lab", Path(), site, stages)


def test_a_run_that_stopped_is_resumed_at_its_stage_and_a_finished_one_is_not(site: Site) -> None:
    assert deploy.stage_to_resume(site) is None
    deploy._begin(order(site, *STAGES), "platform")
    assert deploy.stage_to_resume(site) == "platform"
    deploy._finish(order(site, *STAGES), "cloud")
    assert deploy.stage_to_resume(site) is None


def test_a_run_that_stopped_in_its_preflight_is_resumed_at_the_first_stage_it_was_to_do(site: Site) -> None:
    deploy._begin(order(site, "preflight", "platform"), "preflight")
    assert deploy.stage_to_resume(site) == "platform"
    deploy._begin(order(site, *STAGES), "preflight")
    assert deploy.stage_to_resume(site) == "base"
    deploy._begin(order(site, "preflight"), "preflight")
    assert deploy.stage_to_resume(site) == "base"


def test_restarts_are_due_in_the_stages_in_which_runs_died(site: Site) -> None:
    whole = order(site, *STAGES)
    deploy._begin(whole, "preflight")
    assert deploy.interrupted(site) == ()
    deploy._begin(whole, "base")
    deploy._begin(whole, "platform")
    assert deploy.interrupted(site) == ("platform",), "the stage before has made its restarts"
    deploy._begin(whole, "preflight")
    assert deploy.interrupted(site) == ("platform",), "a run that its preflight refused has restarted nothing"
    deploy._begin(whole, "base")
    assert deploy.interrupted(site) == ("base", "platform")
    deploy._finish(whole, "cloud")
    assert deploy.interrupted(site) == ()


def test_a_stage_that_is_passed_over_is_not_remembered(site: Site) -> None:
    late = order(site, "preflight", "cloud")
    for stage in STAGES:
        deploy._begin(late, stage)
    assert deploy.stage_to_resume(site) == "cloud"
    deploy._begin(late, "base")
    assert deploy.interrupted(site) == ("cloud",)


def test_a_stage_that_was_left_out_keeps_the_restarts_that_are_due_in_it(site: Site) -> None:
    deploy._begin(order(site, *STAGES), "cloud")
    deploy._begin(order(site, "preflight", "base"), "base")
    deploy._finish(order(site, "preflight", "base"), "base")
    assert deploy.interrupted(site) == ("cloud",)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"stage": "base"}'])
def test_a_damaged_memory_is_as_good_as_none(site: Site, damage: str) -> None:
    deploy._begin(order(site, *STAGES), "base")
    (places.site_home(site) / "state" / "deploy.json").write_text(damage)
    assert deploy.stage_to_resume(site) is None


def test_two_deployments_of_one_site_do_not_run_at_once(tmp_path: Path) -> None:
    file = tmp_path / "deploy.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DeploymentError) as refusal, held(file, "TW-LAB"):
            pytest.fail("two processes hold the lock")
        assert str(refusal.value) == (
            f"another deployment of TW-LAB is running (process {other.pid})\n"
            f"  at:  {file}\n  fix: wait for it, or stop it with Ctrl-C where it runs"
        )
        other.kill()
    with held(file, "TW-LAB"):
        assert file.read_text() == str(os.getpid())


def test_a_task_that_failed_is_one_problem_with_its_journal_its_cause_and_the_next_command() -> None:
    failures = [
        Failure(
            "platform",
            host,
            "Start the member",
            "/x/roles/mariadb/tasks/main.yml:40",
            "failed",
            "mariadb.service",
        )
        for host in ("ctl1", "ctl2")
    ]
    problem = problem_of(failures, ("write: No space left on device",), "dicos-site deploy --from platform")
    assert str(problem) == (
        "platform stopped at mariadb.service on ctl1, ctl2: failed\n"
        "  journal of ctl1:\n"
        "    write: No space left on device\n"
        '  at:  ctl1, ctl2, task "Start the member" (roles/mariadb/tasks/main.yml:40)\n'
        "  fix: the host's disk is full: df -h there; then: dicos-site deploy --from platform"
    )


def test_a_cause_is_named_only_where_it_is_known() -> None:
    assert probable_cause("bind: Address already in use").startswith("another process holds the port")
    assert probable_cause("something new") == ""


def test_the_hosts_of_a_task_are_named_where_something_happened() -> None:
    assert tally({"ctl1": "ok", "ctl2": "changed", "ctl3": "ok"}) == "2 ok, 1 changed (ctl2)"


def test_a_deployment_of_a_lab_that_is_not_up_says_so_before_it_makes_anything(tmp_path: Path) -> None:
    folder, home = tmp_path / "nowhere", tmp_path / "home"
    folder.mkdir()
    text = (places.project_root() / "inventories" / "lab" / "rack.yml").read_text()
    folder.joinpath("rack.yml").write_text(
        text.replace("10.77.0.", "198.51.100.").replace("TW-LAB", "TW-NOWHERE")
    )
    command = [sys.executable, "-m", "dicos_site", "deploy", str(folder), "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"DICOS_SITE_HOME": str(home)}, check=False
    )
    assert done.returncode == 4
    assert json.loads(done.stdout)["problems"][0]["what"] == "the lab of TW-NOWHERE is not up"
    assert sorted(path.name for path in folder.iterdir()) == ["rack.yml"]
    assert not home.exists()
