"""The client for Python as a reader: usage: py_reader.py JSON. See tests/it/readers.rs."""

import asyncio
import json
import ssl
import sys

import tickwire


def error_line(error):
    return {
        "code": error.code,
        "message": str(error),
        "retryable": error.retryable,
        "close": getattr(error, "close_code", None),
    }


def state_line(state):
    match state:
        case tickwire.Connecting():
            return {"state": "connecting", "attempt": state.attempt}
        case tickwire.Live():
            return {"state": "live", "epoch": state.epoch, "seq": state.seq}
        case tickwire.Renewed():
            return {"state": "renewed"}
        case tickwire.Waiting():
            wait = int(state.retry_in * 1_000)
            error = error_line(state.error)
            return {"state": "waiting", "error": error, "code": state.error.code,
                    "retry_in_ms": wait}
        case tickwire.Closed():
            return {"state": "closed", "error": state.error and error_line(state.error)}


def line(event):
    match event:
        case tickwire.Message():
            # What is typed must be what was sent.
            for field, value in event.raw.items():
                field = {"from": "first"}.get(field, field)
                if isinstance(value, str) and field != "type" and hasattr(type(event), field):
                    assert str(getattr(event, field)) == value, (field, event)
            return {"event": "data", "message": event.raw}
        case tickwire.TickwireError():
            return {"event": "error", **error_line(event)}
        case tickwire.Subscribed():
            return {"event": "subscribed", "channel": event.channel, "resumed": event.resumed,
                    "symbols": event.symbols, "reason": event.reason}
        case tickwire.Resync():
            return {"event": "resync", "channel": event.channel, "symbol": event.symbol,
                    "after": event.after, "to": event.to, "reason": event.reason}
        case tickwire.Service():
            return {"event": "service", "state": event.state, "reason": event.reason}
        case tickwire.Position():
            return {"event": "position", "id": event.id, "seq": event.seq, "state": event.state,
                    "speed": event.speed}
        case _:
            return {"event": "state", **state_line(event)}


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def make(wanted):
    least = wanted.get("backoff_ms", 50) / 1_000
    tokens = iter(wanted.get("tokens", ()))

    async def token():
        return next(tokens)

    ca = wanted.get("ca")
    client = tickwire.connect(
        wanted["url"],
        token=wanted.get("token") or ("tokens" in wanted and token) or None,
        backoff=tickwire.Backoff(least, least * 20),
        message_bytes_max=wanted.get("message_bytes_max", 16 << 20),
        msgpack=wanted.get("msgpack", False),
        ssl=ssl.create_default_context(cafile=ca) if ca else None,
    )
    options = {"channel": wanted.get("channels", "ticker"), "queue": wanted.get("queue", 1_024)}
    if wanted.get("replay"):
        return client, client.replay(
            *wanted["names"],
            start=tickwire.Cursor.parse(wanted["from"]),
            end=tickwire.Cursor.parse(wanted["to"]) if "to" in wanted else None,
            speed=wanted.get("speed", 1.0),
            paused=wanted.get("paused", False),
            then_live=wanted.get("then_live", False),
            stay_at_end=wanted.get("stay", False),
            **options,
        )
    return client, client.subscribe(
        *wanted["names"],
        conflate_ms=wanted.get("conflate_ms", 0),
        slow=wanted.get("slow"),
        last=wanted.get("last"),
        from_=wanted.get("from"),
        **options,
    )


def command(reading, text):
    verb, _, rest = text.partition(" ")
    match verb:
        case "speed":
            reading.speed(float(rest))
        case "step":
            reading.step(int(rest))
        case "seek":
            reading.seek(tickwire.Cursor.parse(rest))
        case "add" | "remove":
            getattr(reading, verb)(rest)
        case "play" | "pause":
            getattr(reading, verb)()
        case _:
            raise ValueError(text)


async def main(wanted):
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    client, reading = make(wanted)
    async with client:
        reads = asyncio.Event()
        reads.set()

        async def read():
            while True:
                await reads.wait()
                event = await reading.next()
                if event is None:
                    return
                say(line(event))

        reader = asyncio.ensure_future(read())
        told = asyncio.ensure_future(stdin.readline())
        while True:
            await asyncio.wait((reader, told), return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()
                break
            text = told.result().decode().strip()
            told = asyncio.ensure_future(stdin.readline())
            match text:
                case "" | "close":
                    break
                case "stop":
                    reads.clear()
                case "go":
                    reads.set()
                case _:
                    command(reading, text)
        reader.cancel()
        await asyncio.wait((reader,))
    say({"event": "end"})


asyncio.run(main(json.loads(sys.argv[1])))
