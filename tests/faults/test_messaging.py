"""A RabbitMQ host is stopped and comes back: what was confirmed is there, and publishing goes on."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from pika.exceptions import AMQPConnectionError

from dicos_site.remote import Remote
from dicos_site.verify.context import Context
from tests.rack import Rack

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

# A queue that a killed test leaves is gone after this time.
EXPIRY_MS = 600_000
HEALING_S = 180


@pytest.mark.units("rabbitmq-server")
def test_a_confirmed_message_survives_its_broker_and_publishing_goes_on(healthy: Rack) -> None:
    first, second, third = healthy.hosts("controller")
    with broker(healthy, first) as channel:
        queue = declare(channel)
        publish(channel, queue, "confirmed before")

    healthy.run("lab", "fault", "stop", first, "--site", "{site}")
    try:
        with broker(healthy, second) as channel:
            publish(channel, queue, "confirmed without the first broker")
    finally:
        healthy.run("lab", "fault", "start", first, "--site", "{site}")
    assert healthy.wait_until_healthy(HEALING_S) == []

    with broker(healthy, third) as channel:
        messages = [take(channel, queue), take(channel, queue)]
        channel.queue_delete(queue)
    assert messages == ["confirmed before", "confirmed without the first broker"]


@pytest.mark.units("rabbitmq-server")
def test_a_broker_that_was_killed_rejoins_and_gets_its_copy_of_the_queue(healthy: Rack) -> None:
    first, second, _ = healthy.hosts("controller")
    with broker(healthy, second) as channel:
        queue = declare(channel)
        publish(channel, queue, "confirmed")

    healthy.run("lab", "fault", "kill", first, "rabbitmq-server", "--site", "{site}")
    assert healthy.wait_until_healthy(HEALING_S) == []

    with broker(healthy, first) as channel:
        message = take(channel, queue)
        channel.queue_delete(queue)
    assert message == "confirmed"


@pytest.mark.units("rabbitmq-server", "rabbitmq-guard")
def test_a_broker_that_ended_inside_a_program_that_runs_is_restarted(healthy: Rack) -> None:
    first, second, _ = healthy.hosts("controller")
    # What a full disk does to it when enough is published meanwhile.
    healthy.on(first, "rabbitmqctl eval 'spawn(fun() -> application:stop(mnesia) end).'")
    assert healthy.on(first, "systemctl is-active rabbitmq-server").code == 0
    with pytest.raises(AMQPConnectionError), broker(healthy, first):
        pass

    assert healthy.wait_until_healthy(HEALING_S) == []
    with broker(healthy, second) as channel:
        queue = declare(channel)
        publish(channel, queue, "confirmed")
    with broker(healthy, first) as channel:
        message = take(channel, queue)
        channel.queue_delete(queue)
    assert message == "confirmed"


@contextmanager
def broker(rack: Rack, host: str) -> Iterator["BlockingChannel"]:
    """Yield a channel with confirms to the broker of a host, through an SSH tunnel, over TLS."""
    import pika

    with Remote(rack.site) as remote:
        context = Context(rack.site, rack.folder, remote)
        address, port = context.tunnel(host, 5671)
        parameters = pika.ConnectionParameters(
            host=address,
            port=port,
            virtual_host="site",
            credentials=pika.PlainCredentials("site", context.secrets["rabbitmq_site"]),
            ssl_options=pika.SSLOptions(context.tls(), rack.site.fqdn(host)),
            blocked_connection_timeout=60,
            socket_timeout=60,
        )
        connection = pika.BlockingConnection(parameters)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            connection.close()


def declare(channel: "BlockingChannel") -> str:
    """Make a quorum queue of its own for one test and return its name."""
    queue = f"dicos-fault-{secrets.token_hex(6)}"
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum", "x-expires": EXPIRY_MS})
    return queue


def publish(channel: "BlockingChannel", queue: str, text: str) -> None:
    """Publish a message and wait for its confirm; pika raises where there is none."""
    channel.basic_publish("", queue, text.encode(), mandatory=True)


def take(channel: "BlockingChannel", queue: str) -> str:
    """Return the next message of the queue; empty where there is none."""
    _, _, body = channel.basic_get(queue, auto_ack=True)
    return body.decode() if body else ""
