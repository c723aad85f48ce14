"""Messages over a socket: a JSON header and a run of bytes, with a time limit and a size limit on each."""

import json
import socket
import struct
import time
from typing import Any

from classroom.crossing import Garbled, TooMuch

SIZES = struct.Struct(">II")
MAX_HEADER = 32_000_000


class Silent(Exception):
    """The other side did not answer in time."""


class Gone(Exception):
    """The other side has closed its end, or has died."""


class Channel:
    """One end of a connection that carries messages; ``max_bytes`` and ``max_header`` limit what one may bring."""

    def __init__(self, end: socket.socket, max_bytes: int = 256_000_000, max_header: int = MAX_HEADER) -> None:
        self.end, self.max_bytes, self.max_header = end, max_bytes, max_header
        self.arrived = bytearray()

    def send(self, header: Any, blob: bytes | bytearray = b"", seconds: float | None = None) -> None:
        """Send one message; Gone or Silent where the other side does not take it."""
        text = json.dumps(header, separators=(",", ":")).encode("utf-8", "surrogatepass")
        self.end.settimeout(seconds)
        try:
            self.end.sendall(SIZES.pack(len(text), len(blob)) + text + blob)
        except TimeoutError:
            raise Silent from None
        except OSError:
            raise Gone from None

    def receive(self, seconds: float | None = None) -> tuple[Any, bytearray]:
        """Return the next message; Silent when it is not whole after ``seconds``, Garbled when it is none."""
        deadline = None if seconds is None else time.monotonic() + seconds
        header_size, blob_size = SIZES.unpack(self.take(SIZES.size, deadline))
        if header_size > self.max_header or blob_size > self.max_bytes:
            raise TooMuch("a message is larger than may be sent")
        try:
            text, blob = self.take(header_size, deadline), self.take(blob_size, deadline)
            return json.loads(text.decode("utf-8", "surrogatepass")), blob
        except (ValueError, RecursionError):
            raise Garbled("a message is not JSON") from None
        except MemoryError:
            raise TooMuch("a message takes more memory than there is for it") from None

    def take(self, count: int, deadline: float | None) -> bytearray:
        """Return the next ``count`` bytes."""
        # The buffer grows with what arrives: a claim to send much reserves nothing.
        while len(self.arrived) < count:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise Silent
            self.end.settimeout(left)
            try:
                part = self.end.recv(1 << 18)
            except TimeoutError:
                raise Silent from None
            except OSError:
                raise Gone from None
            if not part:
                raise Gone
            self.arrived += part
        data = self.arrived[:count]
        del self.arrived[:count]
        return data

    def close(self) -> None:
        """Close this end."""
        self.end.close()
