"""A small web server as a process of its own: `python3 -m labkit.pages ADDRESS PORT NAME [IDLE_MS]`.

It answers every request with its name; one that asks for an upgrade gets 101 and then its own bytes back. With IDLE_MS
it closes a connection so long after each answer, which is when a proxy may want to use it again.
"""

import asyncio
import re
import sys

# The answer to the key of RFC 6455 section 1.3, which is the only one that is asked with.
_SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


async def main() -> None:
    address, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
    idle = float(sys.argv[4]) / 1000 if len(sys.argv) > 4 else None
    page = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        patience = None
        try:
            while True:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience)
                patience = idle
                if b"upgrade: websocket" in head.lower():
                    writer.write(_SWITCH)
                    while piece := await reader.read(4096):
                        writer.write(piece)
                    return
                if length := _LENGTH.search(head):
                    await reader.readexactly(int(length[1]))
                writer.write(page)
        except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError):
            pass  # the other side's turn to close, or ours
        finally:
            writer.close()

    server = await asyncio.start_server(serve, address, port, backlog=512)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
