"""Galera: three members, one content, TLS between them."""

from testinfra.host import Host

testinfra_hosts = ["ansible://mariadb"]


def _status(host: Host, name: str) -> str:
    return str(host.check_output(f"mariadb -N -B -e \"SHOW STATUS LIKE '{name}'\"").split()[-1])


def test_three_members_are_one_primary_component(host: Host) -> None:
    assert _status(host, "wsrep_cluster_size") == "3", host.run("journalctl -q -n 40 -u mariadb").stdout
    assert _status(host, "wsrep_cluster_status") == "Primary"
    assert _status(host, "wsrep_local_state_comment") == "Synced"


def test_what_one_member_writes_all_members_read(host: Host) -> None:
    name = host.check_output("hostname").split(".")[0]
    statements = (
        f"CREATE TABLE IF NOT EXISTS site.{name} (id INT PRIMARY KEY); REPLACE INTO site.{name} VALUES (7);"
    )
    host.check_output(f"mariadb -e '{statements}'")
    read = f"mariadb -N -B --ssl -e 'SET SESSION wsrep_sync_wait=1; SELECT id FROM site.{name}'"
    assert host.check_output(read) == "7"


def test_a_commit_is_on_disk_before_it_is_acknowledged(host: Host) -> None:
    query = "SELECT @@innodb_flush_log_at_trx_commit, @@lower_case_table_names"
    assert host.check_output(f"mariadb -N -B -e '{query}'").split() == ["1", "1"]


def test_the_members_talk_tls_only(host: Host) -> None:
    options = host.check_output("mariadb -N -B -e 'SELECT @@wsrep_provider_options'")
    assert "socket.ssl = YES" in options


def test_nobody_logs_in_over_the_network_without_tls_but_the_health_check(host: Host) -> None:
    remote = 'SELECT DISTINCT User FROM mysql.user WHERE Host != \\"localhost\\" AND ssl_type = \\"\\"'
    assert host.check_output(f'mariadb -N -B -e "{remote}"').split() == ["hacheck"]
