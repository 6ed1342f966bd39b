"""Events of ansible-runner → stages, counts and failures."""

from dicos_site.events import Change, Failure, Progress, failure

BASE, PLATFORM = "Lay the foundation of every host", "Give the site its database"


def event(name: str, **data: object) -> dict[str, object]:
    """Return an event as ansible-runner makes it."""
    return {"event": name, "event_data": data}


def fed(*events: dict[str, object]) -> Progress:
    """Return the progress after events, one a second."""
    progress = Progress()
    for moment, one in enumerate(events):
        progress.take(one, float(moment))
    return progress


def test_stages_follow_from_the_plays_and_end_with_the_next_one() -> None:
    progress = fed(
        event("playbook_on_play_start", play=BASE),
        event("playbook_on_play_start", play="Ask whether the foundation holds"),
        event("playbook_on_play_start", play=PLATFORM),
        event("playbook_on_stats"),
    )
    assert [(one.stage, one.began, one.ended) for one in progress.stages] == [
        ("base", 0.0, 2.0),
        ("platform", 2.0, 3.0),
    ]


def test_changes_are_counted_by_host() -> None:
    progress = fed(
        event("playbook_on_play_start", play=BASE),
        event("playbook_on_task_start", task="Prepare apt"),
        event("runner_on_ok", host="ctl1", res={"changed": True}),
        event("runner_on_ok", host="ctl2", res={"changed": False}),
    )
    assert progress.changed == 1
    assert progress.counts["ctl1"] == {"ok": 1, "changed": 1, "failed": 0, "unreachable": 0}
    assert progress.task_hosts == {"ctl1": "changed", "ctl2": "ok"}


def test_a_change_says_what_it_was_where_the_task_tells() -> None:
    progress = fed(
        event("playbook_on_play_start", play=BASE),
        event("playbook_on_task_start", task="Configure chrony"),
        event(
            "runner_on_ok", host="ctl1", res={"changed": True, "changed_files": ["/etc/chrony/chrony.conf"]}
        ),
        event("runner_on_ok", host="ctl2", res={"changed": False, "changed_files": []}),
        event("playbook_on_task_start", task="Make the pools"),
        event("runner_on_ok", host="ctl2", res={"changed": True, "changes": ["pool images"]}),
        event("playbook_on_task_start", task="Make the networks"),
        event("runner_on_ok", host="ctl1", res={"changed": True, "results": [{"changes": ["gateway"]}]}),
        event("playbook_on_task_start", task="Start chrony"),
        event("runner_on_ok", host="hub1", res={"changed": True}),
    )
    assert progress.changes == [
        Change("base", "ctl1", "Configure chrony", ("/etc/chrony/chrony.conf",)),
        Change("base", "ctl2", "Make the pools", ("pool images",)),
        Change("base", "ctl1", "Make the networks", ("gateway",)),
        Change("base", "hub1", "Start chrony"),
    ]


def test_a_failure_that_is_rescued_is_none() -> None:
    failed = event("runner_on_failed", host="ctl1", task="Install packages", res={"msg": "no package chrony"})
    ok = event("runner_on_ok", host="ctl1", res={})
    begun = event("playbook_on_play_start", play=BASE)
    assert [one.reason for one in fed(begun, failed).failures] == ["no package chrony"]
    assert fed(begun, failed, ok).failures == []
    assert fed(begun, failed, ok).counts["ctl1"]["failed"] == 0


def test_a_silent_host_is_a_matter_of_the_preflight_while_that_runs() -> None:
    silent = event(
        "runner_on_unreachable", host="ctl1", task="any", res={"msg": "timed out", "unreachable": True}
    )
    preflight = event("playbook_on_play_start", play="Find what would stop a deployment")
    assert fed(preflight, silent).failures == []
    assert [one.host for one in fed(event("playbook_on_play_start", play=BASE), silent).failures] == ["ctl1"]


def test_a_failure_names_its_unit_where_the_reason_does() -> None:
    data = {
        "task": "Start the member",
        "task_path": "/x/roles/mariadb/tasks/main.yml:40",
        "res": {"msg": "Unable to start service mariadb: Job for mariadb.service failed."},
    }
    assert failure("platform", "ctl2", data) == Failure(
        stage="platform",
        host="ctl2",
        task="Start the member",
        place="/x/roles/mariadb/tasks/main.yml:40",
        reason="Unable to start service mariadb: Job for mariadb.service failed.",
        unit="mariadb.service",
    )


def test_a_file_in_a_units_folder_is_not_a_failed_unit() -> None:
    result = {"msg": "slaptest refuses /etc/systemd/system/slapd.service.d/dicos.conf and /x/slapd.service"}
    assert failure("platform", "ctl1", {"res": result}).unit == ""


def test_the_reason_of_a_loop_is_that_of_its_failed_item() -> None:
    result = {
        "msg": "One or more items failed",
        "results": [{"msg": "fine"}, {"msg": "no such user", "failed": True}],
    }
    assert failure("base", "ctl1", {"res": result}).reason == "no such user"


def test_a_command_that_fails_is_explained_by_its_last_words() -> None:
    result = {"msg": "non-zero return code", "rc": 1, "stdout": "\n".join(f"line {n}" for n in range(30))}
    reason = failure("platform", "ctl1", {"res": result}).reason.splitlines()
    assert (reason[0], reason[1], reason[-1]) == ("non-zero return code", "line 20", "line 29")


def test_the_problems_of_the_preflight_arrive_whole() -> None:
    result = {
        "msg": "…",
        "problems": [{"what": "ctl1 runs ubuntu", "where": "ctl1", "fix": "install Debian"}],
    }
    found = failure("preflight", "ctl1", {"res": result}).problems
    assert [str(problem) for problem in found] == ["ctl1 runs ubuntu\n  at:  ctl1\n  fix: install Debian"]
