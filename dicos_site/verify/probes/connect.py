"""[[address, port, protocol], ...] → what each port answers to this host, all asked at the same moment."""

import errno
import json
import selectors
import socket
import sys
import time

# A lost SYN is sent again after one second: the deadline leaves room for the second one.
DEADLINE_S = 1.6
# A host sends few refusals a second to one and the same asker, icmp(7). Those of UDP ports are the only
# ones that count: these ports are asked before all others, and again until something comes back.
UDP_FIRST_S = 0.3
AGAIN_S = 0.1
# An NTP client's question, version 4: chronyd answers it; every other port ignores it.
QUESTION = b"\x23" + bytes(47)
STREAM = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def main() -> None:
    """Print the answers in the order of the questions: "open", "refused" (nobody listens) or "silent"."""
    targets: list[tuple[str, int, str]] = [tuple(target) for target in json.loads(sys.argv[1])]
    answers = dict.fromkeys(range(len(targets)), "silent")
    selector = selectors.DefaultSelector()
    questions = [socket.socket(socket.AF_INET, STREAM[protocol]) for _, _, protocol in targets]
    for protocol, time_s in (("udp", UDP_FIRST_S), ("tcp", DEADLINE_S)):
        for index, target in enumerate(targets):
            if target[2] == protocol:
                ask(selector, questions[index], index, target)
        answers |= wait(selector, questions, time.monotonic() + time_s)
    json.dump(list(answers.values()), sys.stdout)


def ask(
    selector: selectors.BaseSelector, question: socket.socket, index: int, target: tuple[str, int, str]
) -> None:
    """Send one question without waiting; an error shows itself as an answer."""
    address, port, protocol = target
    question.setblocking(False)
    question.connect_ex((address, port))
    if protocol == "udp":
        question.send(QUESTION)
    selector.register(question, selectors.EVENT_READ if protocol == "udp" else selectors.EVENT_WRITE, index)


def wait(selector: selectors.BaseSelector, questions: list[socket.socket], end: float) -> dict[int, str]:
    """Return what came back until a moment; a UDP port that is silent is asked again."""
    answers: dict[int, str] = {}
    while selector.get_map() and (left := end - time.monotonic()) > 0:
        for key, _ in selector.select(min(left, AGAIN_S)):
            selector.unregister(key.fileobj)
            answers[key.data] = answer(questions[key.data])
        for key in list(selector.get_map().values()):
            question = questions[key.data]
            if question.type != socket.SOCK_DGRAM:
                continue
            try:
                question.send(QUESTION)
            except OSError as error:
                # The answer to the question before has come just now; it is told once.
                selector.unregister(question)
                answers[key.data] = meaning(error.errno or 0)
    return answers


def answer(question: socket.socket) -> str:
    """Return what came back."""
    code = question.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    question.close()
    return meaning(code)


def meaning(code: int) -> str:
    """Return the word for the error of a connection; a firewall's rejection is as good as its silence."""
    return {0: "open", errno.ECONNREFUSED: "refused"}.get(code, "silent")


main()
