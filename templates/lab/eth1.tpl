{{ config_get("user.dicos.eth1", "")|safe }}
