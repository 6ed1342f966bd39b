"""RabbitMQ: all brokers in one cluster, a message through a quorum queue from one to every other."""

import json
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dicos_site.errors import Problem, UnreachableError
from dicos_site.model import Host, Site
from dicos_site.placement import hosts_of
from dicos_site.report import Check, check
from dicos_site.verify.context import Context, Question

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

PORT = 5671
USER = VHOST = "site"
TIMEOUT_S = 8
ARRIVAL_S = 5
# A queue that a killed verification leaves is gone after this time.
EXPIRY_MS = 600_000


def checks(site: Site, context: Context) -> Iterator[Question]:
    """Return one question for the cluster and one for a message."""
    yield from status_checks(site, context)
    if hosts_of(site, "rabbitmq"):
        yield Question(("RABBITMQ_QUEUE",), "", lambda: [_message(site, context)])


def status_checks(site: Site, context: Context) -> Iterator[Question]:
    """Return the questions that only read."""
    if hosts_of(site, "rabbitmq"):
        yield Question(("RABBITMQ_SIZE",), "", lambda: [_size(site, context)])


def size_check(status: dict[str, object], expected: int) -> Check:
    """Return what `rabbitmqctl cluster_status --formatter json` says."""
    running = status.get("running_nodes")
    size = len(running) if isinstance(running, list) else 0
    trouble = [word for word in ("partitions", "alarms") if status.get(word)]
    detail = f"{size} of {expected} brokers run" + (f"; {' and '.join(trouble)} reported" if trouble else "")
    return check("RABBITMQ_SIZE", "", size == expected and not trouble, detail)


def _size(site: Site, context: Context) -> Check:
    brokers = hosts_of(site, "rabbitmq")
    reasons: list[str] = []
    for broker in brokers:
        try:
            result = context.remote.run(
                broker.name, "rabbitmqctl -q --timeout 10 cluster_status --formatter json", timeout_s=20
            )
        except UnreachableError as error:
            reasons.append(error.problems[0].what)
            continue
        if result.code == 0:
            return size_check(json.loads(result.stdout), len(brokers))
        reasons.append(f"{broker.name}: the broker does not answer")
    raise UnreachableError(Problem("; ".join(reasons)))


def _message(site: Site, context: Context) -> Check:
    """Publish on the first broker, one message for each of the others, and take each from its own broker."""
    first, *others = hosts_of(site, "rabbitmq")
    queue = f"dicos-verify-{secrets.token_hex(6)}"
    with ExitStack() as stack:
        publisher = _channel(context, first, stack)
        publisher.confirm_delivery()
        arguments = {"x-queue-type": "quorum", "x-expires": EXPIRY_MS}
        publisher.queue_declare(queue, durable=True, arguments=arguments)
        try:
            for broker in others or (first,):
                publisher.basic_publish("", queue, broker.name.encode(), mandatory=True)
            missing = [
                broker.name for broker in others or (first,) if not _taken(context, broker, queue, stack)
            ]
        finally:
            publisher.queue_delete(queue)
    who = ", ".join(broker.name for broker in others or (first,))
    detail = (
        f"not delivered by {', '.join(missing)}"
        if missing
        else f"published on {first.name}, taken from {who}"
    )
    return check("RABBITMQ_QUEUE", "", not missing, detail)


def _taken(context: Context, broker: Host, queue: str, stack: ExitStack) -> bool:
    channel = _channel(context, broker, stack)
    end = time.monotonic() + ARRIVAL_S
    while time.monotonic() < end:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is not None and body:
            return True
        time.sleep(0.05)
    return False


def _channel(context: Context, broker: Host, stack: ExitStack) -> "BlockingChannel":
    import pika

    # pika prints on standard error, with tracebacks, what it also raises.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    ip, port = context.tunnel(broker.name, PORT)
    parameters = pika.ConnectionParameters(
        host=ip,
        port=port,
        virtual_host=VHOST,
        credentials=pika.PlainCredentials(USER, context.secrets["rabbitmq_site"]),
        ssl_options=pika.SSLOptions(context.tls(), context.site.fqdn(broker.name)),
        socket_timeout=TIMEOUT_S,
        stack_timeout=TIMEOUT_S,
        blocked_connection_timeout=TIMEOUT_S,
        connection_attempts=1,
    )
    connection: BlockingConnection = pika.BlockingConnection(parameters)
    stack.callback(connection.close)
    return connection.channel()
