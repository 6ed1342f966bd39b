"""A host's SSH connection → a port on this machine that leads to a port of the host's network."""

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramiko import Channel, Transport

LOCAL = "127.0.0.1"
OPEN_TIMEOUT_S = 5.0
_BLOCK_BYTES = 65536


class Tunnel:
    """A listening port of this machine; each connection to it becomes a channel of the SSH connection.

    fabric's forward_local needs a port that is free until it listens, and says nothing when nobody answers
    at the far end. The first channel is opened here, so that a closed port is an error of the constructor:
    paramiko.ChannelException, code 1 where sshd forbids it, code 2 where nobody listens.
    """

    def __init__(self, transport: "Transport", address: str, port: int) -> None:
        self._transport = transport
        self._target = (address, port)
        self._ready: list[Channel] = [self._channel()]
        self._listener = socket.create_server((LOCAL, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those that are open end with their clients."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for channel in self._ready:
            channel.close()

    def _channel(self) -> "Channel":
        return self._transport.open_channel("direct-tcpip", self._target, (LOCAL, 0), timeout=OPEN_TIMEOUT_S)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                channel = self._ready.pop() if self._ready else self._channel()
            except Exception:  # the far end refuses: the client sees its connection closed
                client.close()
                continue
            for source, target in ((client, channel), (channel, client)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: "socket.socket | Channel", target: "socket.socket | Channel") -> None:
    """Carry bytes one way until either side ends, then end both.

    A channel is only ever closed, never shut down for one way: paramiko may send that message
    after the close of another thread, and sshd then drops the whole connection.
    """
    with suppress(OSError, EOFError):
        while block := source.recv(_BLOCK_BYTES):
            target.sendall(block)
    for end in (source, target):
        with suppress(OSError, EOFError):
            if isinstance(end, socket.socket):
                # Wakes the thread that reads it; closing alone does not.
                end.shutdown(socket.SHUT_RDWR)
            end.close()
