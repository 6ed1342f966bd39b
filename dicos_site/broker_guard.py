"""The guard of one broker: restarts RabbitMQ where its program goes on and the broker in it has ended.

Shipped to the hosts as it is, and run there as `rabbitmq-guard`. On a full disk the broker's tables (Mnesia)
can end without the Erlang around them: it still accepts connections, and systemd and `rabbitmq-diagnostics
check_running` say that it runs. A broker that accepts none is left alone: it starts, waits in a minority, or
was stopped.
"""

import json
import logging
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = Path("/etc/dicos/rabbitmq-guard.json")
AUTHORITY = "/etc/dicos/pki/ca.crt"
INTERVAL_S = 10.0
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

    def look(self) -> float:
        """Take at most one step; return the seconds until the next look."""
        self.silent = self.silent + 1 if is_hollow(self.broker) else 0
        if self.silent < LOOKS:
            return INTERVAL_S
        self.silent = 0
        say(f"restarting RabbitMQ: {LOOKS} times in a row it took a connection and let nobody in")
        done = subprocess.run(
            ["systemctl", "restart", "--no-block", "rabbitmq-server"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            say(done.stderr.strip())
        return PAUSE_S


def is_hollow(broker: Broker) -> bool:
    """Return whether the broker takes a connection over TLS, then neither lets the user in nor refuses."""
    import pika
    import pika.exceptions

    context = ssl.create_default_context(cafile=AUTHORITY)
    try:
        with (
            socket.create_connection((broker.address, broker.port), TIMEOUT_S) as connection,
            context.wrap_socket(connection, server_hostname=broker.fqdn),
        ):
            pass
    except OSError:
        return False
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
    except (pika.exceptions.AMQPError, OSError):
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
        time.sleep(guard.look())


if __name__ == "__main__":
    main()
