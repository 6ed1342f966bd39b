"""The guard of one broker: restarts RabbitMQ where its broker has ended, stops it while its disk is full.

Shipped to the hosts as it is, and run there as `rabbitmq-guard`. On a full disk the broker's tables (Mnesia)
can end without the Erlang around them, and queues lose what they have confirmed to the others and hang; yet
it accepts connections, and systemd and `rabbitmq-diagnostics check_running` say that it runs. The others do
without a broker that is stopped. One that accepts no connection is left alone: it starts, waits, or was
stopped.
"""

import contextlib
import errno
import json
import logging
import os
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = Path("/etc/dicos/rabbitmq-guard.json")
AUTHORITY = "/etc/dicos/pki/ca.crt"
# Says that this guard has stopped the broker; gone with a reboot, which starts it.
WITHDRAWN = Path("/run/rabbitmq-withdrawn")
PROBE = Path("/var/lib/rabbitmq/.guard")
PROBE_BYTES = 1 << 20
INTERVAL_S = 2.0
LOGIN_S = 10.0
TIMEOUT_S = 10
LOOKS = 3
# Longer than a broker takes to start: a restart that did not help is not repeated at once.
PAUSE_S = 300.0


@dataclass(frozen=True)
class Broker:
    """Where the host's own broker listens, and a user who may log in."""

    address: str
    fqdn: str
    port: int
    user: str
    password: str
    vhost: str


class Guard:
    """Counts the looks in a row in which the broker took a connection and let nobody in."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.silent = 0
        self.next_login = 0.0

    def look(self, now: float) -> None:
        """Take at most one step."""
        if disk_full():
            self.withdraw()
        elif WITHDRAWN.exists():
            say("the disk has space again: RabbitMQ is started")
            WITHDRAWN.unlink()
            systemctl("start", "--no-block")
            self.next_login = now + PAUSE_S
        elif now >= self.next_login:
            self.next_login = now + self.login()

    def withdraw(self) -> None:
        """Stop the broker, unless somebody else has."""
        if WITHDRAWN.exists() or systemctl("is-active") != 0:
            return
        say("the disk is full: RabbitMQ is stopped until there is space")
        WITHDRAWN.touch()
        # What it has not written by now it will not write; to end politely it would have to.
        systemctl("kill", "--signal=KILL")
        systemctl("stop")

    def login(self) -> float:
        """Try to log in, restart a broker that is hollow; return the seconds until the next time."""
        self.silent = self.silent + 1 if is_hollow(self.broker) else 0
        if self.silent < LOOKS:
            return LOGIN_S
        self.silent = 0
        say(f"restarting RabbitMQ: {LOOKS} times in a row it took a connection and let nobody in")
        systemctl("restart", "--no-block")
        return PAUSE_S


def disk_full() -> bool:
    """Return whether the broker's disk takes no more: a file is written there and removed."""
    try:
        with PROBE.open("wb") as probe:
            probe.write(b"\0" * PROBE_BYTES)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    finally:
        with contextlib.suppress(OSError):
            PROBE.unlink()
    return False


def systemctl(verb: str, *options: str) -> int:
    """Do something to the broker's unit and return the exit code; a failure is told to the journal."""
    done = subprocess.run(
        ["systemctl", verb, *options, "rabbitmq-server"], capture_output=True, text=True, check=False
    )
    if done.stderr.strip():
        say(done.stderr.strip())
    return done.returncode


def is_hollow(broker: Broker) -> bool:
    """Return whether the broker takes a connection, then neither lets the user in nor refuses."""
    import pika
    import pika.exceptions
    from pika.adapters.utils import connection_workflow

    context = ssl.create_default_context(cafile=AUTHORITY)
    try:
        pika.BlockingConnection(
            pika.ConnectionParameters(
                host=broker.address,
                port=broker.port,
                virtual_host=broker.vhost,
                credentials=pika.PlainCredentials(broker.user, broker.password),
                ssl_options=pika.SSLOptions(context, broker.fqdn),
                socket_timeout=TIMEOUT_S,
                stack_timeout=TIMEOUT_S,
                blocked_connection_timeout=TIMEOUT_S,
                connection_attempts=1,
            )
        ).close()
    except (pika.exceptions.ProbableAuthenticationError, pika.exceptions.AuthenticationError):
        return False
    except OSError:  # of TLS; what comes later is one of pika's own
        return False
    except pika.exceptions.AMQPError as error:
        return not isinstance(
            next(iter(error.args), None), connection_workflow.AMQPConnectorSocketConnectError
        )
    except connection_workflow.AMQPConnectorException:  # silence until the deadline
        return True
    return False


def say(text: str) -> None:
    """Print a line to the journal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Watch for ever."""
    # pika tells at length what it also raises.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    guard = Guard(Broker(**json.loads(CONFIGURATION.read_text())))
    while True:
        guard.look(time.monotonic())
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
