{{ config_get("user.dicos.hosts", "")|safe }}
