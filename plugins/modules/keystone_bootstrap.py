#!/usr/bin/python
"""Wanted administrator, entry of the catalogue and domains → keystone, asked before it is changed."""

from __future__ import annotations

import time
from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.host_paths import RefusalError, problem

try:
    from keystoneauth1 import exceptions
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session

    KEYSTONEAUTH = True
except ImportError:
    KEYSTONEAUTH = False

DOCUMENTATION = r"""
module: keystone_bootstrap
short_description: Make the administrator of a cloud, keystone's own entry in the catalogue, and domains
description:
  - Logs in as C(admin) at the keystone of this host, which must run and have its tables.
  - Where that is refused, or the catalogue lacks keystone's endpoints, runs C(keystone-manage bootstrap),
    which makes what is missing and gives C(admin) its password.
options:
  own_url:
    description: URL of the API on this host, ending in C(/v3).
    type: str
    required: true
  public_url:
    description: URL that the catalogue names, ending in C(/v3).
    type: str
    required: true
  region:
    description: Region of the endpoints.
    type: str
    required: true
  password:
    description: Password of C(admin) in the domain Default.
    type: str
    required: true
  domains:
    description: Further domains that must exist.
    type: list
    elements: str
    default: []
  ca:
    description: Certificate of the site's CA.
    type: path
    default: /etc/dicos/pki/ca.crt
author: DiCOS (@dicos)
"""

EXAMPLES = r"""
- name: Make the administrator and the domain of the people
  keystone_bootstrap:
    own_url: https://ctl1.lab.dicos.test:5000/v3
    public_url: https://api.lab.dicos.test:5000/v3
    region: regionOne
    password: "{{ openstack_admin_password }}"
    domains: [tw-lab]
  run_once: true
"""

RETURN = r"""
bootstrapped:
  description: Why C(keystone-manage bootstrap) ran; empty where it did not.
  type: str
  returned: success
made_domains:
  description: Domains that were made.
  type: list
  elements: str
  returned: success
"""

SPEC = {
    "own_url": {"type": "str", "required": True},
    "public_url": {"type": "str", "required": True},
    "region": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "domains": {"type": "list", "elements": "str", "default": []},
    "ca": {"type": "path", "default": "/etc/dicos/pki/ca.crt"},
}
INTERFACES = ("public", "internal", "admin")
TIMEOUT_S = 20
# It starts in ten seconds; beside everything else that starts, in a minute.
PATIENCE_S = 120


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    if not KEYSTONEAUTH:
        if module.check_mode:  # on a host where it would be installed first
            module.exit_json(changed=True, bootstrapped="keystone is not installed yet", made_domains=[])
        module.fail_json(msg=missing_required_lib("keystoneauth1"))
    try:
        reason, domains = _converge(module)
    except RefusalError as refusal:
        module.fail_json(msg=str(refusal))
    except exceptions.ClientException as error:
        fix = "read its journal: journalctl -u keystone"
        module.fail_json(msg=problem(f"keystone refuses: {error}", module.params["own_url"], fix))
    module.exit_json(changed=bool(reason or domains), bootstrapped=reason, made_domains=domains)


def _converge(module: AnsibleModule) -> tuple[str, list[str]]:
    """Return why keystone was bootstrapped, and the domains that were made."""
    wanted = module.params
    try:
        reason = answered(lambda: _lack(wanted), 0 if module.check_mode else PATIENCE_S)
    except exceptions.ClientException as error:
        if module.check_mode:  # on a host where it would be started first
            return "keystone does not run yet", list(wanted["domains"])
        what = f"keystone gives no answer within {PATIENCE_S} s: {error}"
        fix = "read its journal: journalctl -u keystone"
        raise RefusalError(problem(what, wanted["own_url"], fix)) from error
    if reason and module.check_mode:
        return reason, list(wanted["domains"])
    if reason:
        _bootstrap(module)
    session = _session(wanted)
    return reason, [name for name in wanted["domains"] if _made(session, name, wanted, module.check_mode)]


def answered(question: Callable[[], str], patience_s: float) -> str:
    """Return the answer, waiting for a service that only starts; then its last error is raised."""
    end = time.monotonic() + patience_s
    while True:
        try:
            return question()
        except (exceptions.ConnectionError, exceptions.HttpServerError):
            if time.monotonic() > end:
                raise
            time.sleep(1)


def _lack(wanted: dict[str, str]) -> str:
    """Return what is missing, in words; nothing where the administrator is and the catalogue is right."""
    try:
        access = _session(wanted).auth.get_access(_session(wanted))
    except exceptions.Unauthorized:
        return "admin cannot log in"
    for interface in INTERFACES:
        urls = access.service_catalog.get_urls(
            service_type="identity", interface=interface, region_name=wanted["region"]
        )
        if list(urls) != [wanted["public_url"]]:
            return f"the catalogue lacks the {interface} endpoint of keystone"
    return ""


def _session(wanted: dict[str, str]) -> Session:
    login = Password(
        auth_url=wanted["own_url"],
        username="admin",
        password=wanted["password"],
        user_domain_name="Default",
        project_name="admin",
        project_domain_name="Default",
    )
    return Session(auth=login, verify=wanted["ca"], timeout=TIMEOUT_S)


def _bootstrap(module: AnsibleModule) -> None:
    wanted = module.params
    # In the environment: a process list shows arguments to everyone.
    environment = {
        "OS_BOOTSTRAP_USERNAME": "admin",
        "OS_BOOTSTRAP_PASSWORD": wanted["password"],
        "OS_BOOTSTRAP_PROJECT_NAME": "admin",
        "OS_BOOTSTRAP_ROLE_NAME": "admin",
        "OS_BOOTSTRAP_SERVICE_NAME": "keystone",
        "OS_BOOTSTRAP_REGION_ID": wanted["region"],
        **{f"OS_BOOTSTRAP_{interface.upper()}_URL": wanted["public_url"] for interface in INTERFACES},
    }
    command = ["runuser", "-u", "keystone", "--", "keystone-manage", "bootstrap"]
    code, output, errors = module.run_command(command, environ_update=environment)
    if code != 0:
        said = (errors + output).strip().splitlines()[-1:] or [f"exit code {code}"]
        fix = "run it by hand as user keystone, then run again"
        raise RefusalError(problem(f"keystone-manage bootstrap fails: {said[0]}", "keystone", fix))


def _made(session: Session, name: str, wanted: dict[str, str], check_mode: bool) -> bool:
    """Make a domain where it is missing; return whether it was."""
    url = f"{wanted['own_url']}/domains"
    if session.get(url, params={"name": name}).json()["domains"]:
        return False
    if not check_mode:
        description = "People and groups of the site's directory"
        session.post(url, json={"domain": {"name": name, "description": description, "enabled": True}})
    return True


if __name__ == "__main__":
    main()
