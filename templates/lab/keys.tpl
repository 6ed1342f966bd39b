{{ config_get("user.dicos.keys", "")|safe }}
