{{ config_get("user.dicos.resolv", "")|safe }}
