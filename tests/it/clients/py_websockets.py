"""A client of the Python library `websockets`: usage: py_websockets.py URL SUBPROTOCOL COUNT

Subscribes, takes COUNT messages of data, pings, closes, and prints what it saw as JSON."""
import asyncio
import json
import struct
import sys

import websockets


def unpack(data, at=0):
    """The value at a place of MessagePack, and the place after it: what the server sends."""
    head = data[at]
    at += 1
    if head <= 0x7F:
        return head, at
    if 0x80 <= head <= 0x8F:
        return unpack_map(data, at, head & 0x0F)
    if 0x90 <= head <= 0x9F:
        return unpack_list(data, at, head & 0x0F)
    if 0xA0 <= head <= 0xBF:
        return text(data, at, head & 0x1F)
    if head in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[head], at
    if head in NUMBERS:
        form = NUMBERS[head]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    if head in (0xD9, 0xDA, 0xDB):
        form = NUMBERS[0xCC + head - 0xD9]
        length = struct.unpack_from(form, data, at)[0]
        return text(data, at + struct.calcsize(form), length)
    if head in (0xDC, 0xDE):
        count = struct.unpack_from(">H", data, at)[0]
        return (unpack_list if head == 0xDC else unpack_map)(data, at + 2, count)
    assert head in (0xD6, 0xD7) and data[at] == 0xFF, hex(head)
    if head == 0xD6:
        return struct.unpack_from(">I", data, at + 1)[0], at + 5
    return struct.unpack_from(">Q", data, at + 1)[0] & (1 << 34) - 1, at + 9


NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
           0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}


def text(data, at, length):
    return data[at:at + length].decode(), at + length


def unpack_list(data, at, count):
    values = []
    for _ in range(count):
        value, at = unpack(data, at)
        values.append(value)
    return values, at


def unpack_map(data, at, count):
    values = {}
    for _ in range(count):
        key, at = unpack(data, at)
        values[key], at = unpack(data, at)
    return values, at


def understand(message):
    if isinstance(message, str):
        return json.loads(message)
    value, end = unpack(message)
    assert end == len(message)
    return value


async def main(url, protocol, count):
    async with websockets.connect(url, subprotocols=[protocol]) as socket:
        welcome = understand(await socket.recv())
        assert welcome["type"] == "welcome", welcome
        op = {"op": "subscribe", "id": 1, "channel": "ticker", "symbols": ["*:*"]}
        await socket.send(json.dumps(op))
        data, binary = 0, 0
        while data < count:
            message = await socket.recv()
            binary += isinstance(message, bytes)
            data += "symbol" in understand(message)
        await asyncio.wait_for(await socket.ping(b"hello"), 10)
        await socket.close()
        print(json.dumps({"data": data, "binary": binary, "subprotocol": socket.subprotocol,
                          "extensions": len(socket.protocol.extensions),
                          "code": socket.close_code}))


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
