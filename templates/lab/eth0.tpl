{{ config_get("user.dicos.eth0", "")|safe }}
