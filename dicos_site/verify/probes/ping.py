"""[address, seconds, file] → ICMP echo requests until the file is there, or without one the first answer."""

import json
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path

INTERVAL_S = 0.2
# An answer that comes later is lost.
ANSWER_S = 1.0
HEADER = struct.Struct("!BBHHH")
REQUEST, REPLY = 8, 0


def main() -> None:
    """Print {"first", "sent", "lost"}: the first answer, how many requests since, and which were in vain."""
    address, seconds, stop = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    asked: dict[int, float] = {}
    answered: dict[int, float] = {}
    identity = os.getpid() & 0xFFFF
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as connection:
        end = time.time() + seconds
        while time.time() < end and not (Path(stop).exists() if stop else answered):
            number = len(asked) & 0xFFFF
            asked[number] = time.time()
            ask(connection, address, identity, number)
            listen(connection, address, identity, answered, INTERVAL_S)
        if stop:
            listen(connection, address, identity, answered, ANSWER_S)
    if stop:
        Path(stop).unlink(missing_ok=True)
    json.dump(judged(asked, answered), sys.stdout)


def judged(asked: dict[int, float], answered: dict[int, float]) -> dict[str, object]:
    """Return what is to be said of the moments at which it was asked, and answered, by number."""
    on_time = {
        number
        for number, moment in answered.items()
        if number in asked and moment - asked[number] <= ANSWER_S
    }
    first = min(on_time, default=None)
    after = [number for number in asked if first is not None and number >= first]
    return {
        "first": None if first is None else answered[first],
        "sent": len(after),
        "lost": [asked[number] for number in after if number not in on_time],
    }


def ask(connection: socket.socket, address: str, identity: int, number: int) -> None:
    """Send one request; a network that says "unreachable" is as good as no answer."""
    empty = HEADER.pack(REQUEST, 0, 0, identity, number)
    packet = HEADER.pack(REQUEST, 0, checksum(empty), identity, number)
    try:
        connection.sendto(packet, (address, 0))
    except OSError:
        return


def listen(
    connection: socket.socket, address: str, identity: int, answered: dict[int, float], seconds: float
) -> None:
    """Note the answers of the next seconds."""
    end = time.time() + seconds
    while (left := end - time.time()) > 0:
        if not select.select([connection], [], [], left)[0]:
            return
        try:
            packet, (source, _) = connection.recvfrom(2048)
        except OSError:
            continue
        # The IP header comes first; its length is in its first byte, in words of four bytes.
        start = (packet[0] & 0x0F) * 4
        kind, _, _, owner, number = HEADER.unpack_from(packet, start)
        if (source, kind, owner) == (address, REPLY, identity):
            answered.setdefault(number, time.time())


def checksum(packet: bytes) -> int:
    """Return the Internet checksum of a packet of even length, RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


if __name__ == "__main__":
    main()
