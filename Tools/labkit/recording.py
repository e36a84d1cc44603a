"""A web server that keeps every byte it gets, and answers as it is told."""

import socket
import threading
import time

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Origin:
    """Listens on `address`; answers each request with 200, or with what `answers` has for its path."""

    def __init__(self, address: str, answers: dict[str, bytes] | None = None) -> None:
        self._listener = socket.create_server((address, 0), backlog=128)
        self.address = address
        self.port: int = self._listener.getsockname()[1]
        self._answers = answers or {}
        self._lock = threading.Lock()
        self._heard: list[bytearray] = []
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def heard(self) -> list[bytes]:
        """What came since the last `forget`, by connection."""
        with self._lock:
            return [bytes(bytes_) for bytes_ in self._heard if bytes_]

    def forget(self) -> None:
        """Forgets what came and closes what is open, so that nothing of this case is left for the next one."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the peer was faster
            self._open.clear()
            self._heard = []

    def close(self) -> None:
        self.forget()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        record = bytearray()
        with self._lock:
            self._heard.append(record)
            self._open.add(connection)
        done = 0
        try:
            with connection:
                while piece := connection.recv(65_536):
                    with self._lock:
                        record += piece
                    while (end := message_end(bytes(record), done)) is not None:
                        path = bytes(record[done:]).split(b" ", 2)[1].decode(errors="replace")
                        done = end
                        answer = self._answers.get(path, _OK)
                        connection.sendall(answer)
                        if answer is not _OK:
                            time.sleep(0.05)
                            return
        except (OSError, IndexError):
            pass  # what was heard until then is the record
        finally:
            with self._lock:
                self._open.discard(connection)


def message_end(heard: bytes, start: int) -> int | None:
    """Where the message at `start` ends, read as lax servers read: bare LF, first length, chunks when TE says so."""
    rest = heard[start:]
    ends = [(place + len(mark)) for mark in (b"\r\n\r\n", b"\n\n", b"\n\r\n") if (place := rest.find(mark)) >= 0]
    if not ends:
        return None
    head = min(ends)
    lines = rest[:head].lower().replace(b"\r", b"").split(b"\n")
    if any(line.startswith(b"transfer-encoding") and b"chunked" in line for line in lines):
        return _chunks_end(heard, start + head)
    for line in lines:
        if line.startswith(b"content-length:"):
            digits = line.split(b":", 1)[1].strip()
            size = int(digits) if digits.isdigit() else 0
            return start + head + size if len(rest) >= head + size else None
    return start + head


def _chunks_end(heard: bytes, place: int) -> int | None:
    while (line := heard.find(b"\n", place)) >= 0:
        try:
            size = int(heard[place:line].split(b";")[0].strip() or b"0", 16)
        except ValueError:
            return len(heard)
        place = line + 1
        if size == 0:
            while (line := heard.find(b"\n", place)) >= 0:
                if not heard[place:line].strip():
                    return line + 1
                place = line + 1
            return None
        place += size + 2
    return None
