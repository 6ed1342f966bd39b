"""A secret's name → its value, from the site's secrets.yml, when and only when a task needs it."""

from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from dicos_site import secrets
from dicos_site.errors import SiteError

DOCUMENTATION = """
name: site_secret
short_description: A secret of the DiCOS site by its name
description:
  - Decrypts C(secrets.yml) beside C(rack.yml) with the password that is kept outside the tree.
options:
  _terms:
    description: Names of secrets, such as C(ldap_admin).
    required: true
"""

EXAMPLES = """
ldap_admin_password: "{{ lookup('site_secret', 'ldap_admin') }}"
"""

RETURN = """
_list:
  description: The value of each secret.
  type: list
  elements: str
"""


class LookupModule(LookupBase):
    """The lookup `site_secret`."""

    def run(
        self, terms: list[str], variables: Mapping[str, object] | None = None, **kwargs: object
    ) -> list[str]:
        """Return the value of each named secret; the inventory plugin `rack` says where the site is."""
        places = variables or {}
        try:
            known = secrets.load_from(Path(str(places["site_folder"])), Path(str(places["site_home"])))
        except KeyError as error:
            raise AnsibleLookupError(
                "site_secret needs an inventory that is a site: -i inventories/SITE"
            ) from error
        except SiteError as error:
            raise AnsibleLookupError(str(error)) from error
        unknown = [name for name in terms if name not in known]
        if unknown:
            raise AnsibleLookupError(
                f"the site has no secret {', '.join(unknown)}; `dicos-site deploy` makes what is missing"
            )
        return [known[name] for name in terms]
