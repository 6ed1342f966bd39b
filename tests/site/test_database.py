"""The database answers as the services of the cloud, written for MySQL, expect."""

import pytest

from tests.rack import Rack

# One session reads a row and changes it after another has: the last one wins, and nobody is told of an error.
PROGRAM = """
import pymysql
first, second = (pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root") for _ in range(2))
ask = first.cursor()
ask.execute("CREATE DATABASE IF NOT EXISTS dicos_test")
ask.execute("CREATE OR REPLACE TABLE dicos_test.login (id INT PRIMARY KEY, seen INT) ENGINE=InnoDB")
ask.execute("INSERT INTO dicos_test.login VALUES (1, 0)")
first.commit()
try:
    ask.execute("SELECT seen FROM dicos_test.login")
    assert ask.fetchall() == ((0,),)
    with second.cursor() as other:
        other.execute("UPDATE dicos_test.login SET seen = 1")
    second.commit()
    ask.execute("UPDATE dicos_test.login SET seen = 2")
    first.commit()
    ask.execute("SELECT seen FROM dicos_test.login")
    print(ask.fetchall()[0][0])
finally:
    ask.execute("DROP DATABASE dicos_test")
"""


@pytest.mark.units("mariadb")
def test_two_logins_of_one_user_at_once_both_succeed(rack: Rack) -> None:
    result = rack.script(rack.hosts("controller")[0], PROGRAM)
    assert (result.code, result.stdout.strip()) == (0, "2"), result.stderr
