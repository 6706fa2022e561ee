"""A mail server on loopback that keeps what it is given: enough of RFC 5321 for a client that means well."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message


@dataclass
class Mailbox:
    """`refuse`: the recipient is refused for good."""

    port: int = 0
    refuse: bool = False
    received: list[tuple[str, list[str], Message]] = field(default_factory=list)


class Session(socketserver.StreamRequestHandler):
    """One client, whose every command is fine unless it says otherwise."""

    def handle(self) -> None:
        self._mailbox: Mailbox = self.server.box  # type: ignore[attr-defined]  # set by `mail_server`
        self._sender, self._recipients = "", list[str]()
        self._say("220 loopback")
        while line := self.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            self._say(self._answer(verb.upper(), rest))
            if verb.upper() == "QUIT":
                return

    def _answer(self, verb: str, rest: str) -> str:
        if verb == "RCPT" and self._mailbox.refuse:
            return "550 nobody of that name"
        if verb == "MAIL":
            self._sender = rest
        elif verb == "RCPT":
            self._recipients.append(rest)
        elif verb == "DATA":
            self._say("354 go on")
            self._mailbox.received.append((self._sender, self._recipients, message_from_bytes(self._data())))
        return "250 fine"

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A mail server for the length of a test."""
    mailbox = Mailbox()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        box = mailbox

    with Server(("127.0.0.1", 0), Session) as server:
        mailbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield mailbox
        finally:
            server.shutdown()
            thread.join()
