"""Damage to the bytes of a file: at random, to its numbers, its JSON, and inside its containers."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any, Final

Mutation = Callable[[bytes, Random], bytes]

_NUMBERS: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS: Final = (
    b"0",
    b"-1",
    b"1",
    b"2",
    b"1.5",
    b"1e400",
    b"-1e-320",
    b"NaN",
    b"nan",
    b"inf",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b"2147483648",
    b"9223372036854775807",
    b"18446744073709551616",
    b"1" * 5000,
)
_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    4000,
    2**31,
    2**63,
    -(2**63),
    10**40,
    0.5,
    1e-30,
    1e30,
    -0.0,
    float("nan"),
    float("inf"),
    "",
    "text",
    "nul\0byte",
    "\ud800",
    "../../etc/passwd",
    "/dev/zero",
    "x" * 5000,
    [],
    {},
    [[]],
    [None],
    {"": None},
    [0] * 40,
)
_KEYS: Final = ("where", "raises", "self", "model", "document", "format_version", "", "nul\0", "x")
_PACKED: Final[tuple[tuple[str, tuple[float, ...]], ...]] = (
    ("<i", (0, -1, 1, 2**31 - 1, -(2**31), 10**6)),
    ("<h", (0, -1, 1, 2**15 - 1, -(2**15))),
    ("<q", (0, -1, 2**63 - 1, -(2**63), 2**40)),
    ("<f", (0.0, -1.0, float("nan"), float("inf"), 1e-30, 1e30)),
    ("<d", (0.0, -1.0, float("nan"), float("inf"), 1e-300, 1e300)),
    (">i", (0, 1, 2**31 - 1)),
)
_MOST_UNPACKED: Final = 32 << 20
_SLOW_TO_PACK: Final = 200_000


def mutated(content: bytes, rng: Random) -> bytes:
    """Damage a file's content once to three times; a container sometimes in its content."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = _once(content, rng)
    return content


def _once(content: bytes, rng: Random) -> bytes:
    inner = _inner(content)
    if inner is not None and rng.random() < 0.7:
        return inner(content, rng)
    if rng.random() < 0.5 and _looks_like_text(content):
        return rng.choice((_number, _line, _word))(content, rng)
    raw = (_bits, _bits, _truncate, _zero, _fill, _splice, _insert, _repeat, _pack, _pack)
    return rng.choice(raw)(content, rng)


def _inner(content: bytes) -> Mutation | None:
    """Find what the format allows besides damaged bytes: valid files that say something wrong."""
    if content.startswith(b"PK\x03\x04"):
        return _zip
    if content.startswith(b"\x1f\x8b"):
        return _gzip
    if content.lstrip()[:1] in (b"{", b"["):
        return _json
    if len(content) > 8 and content[8:9] == b"{":
        return _safetensors
    return None


# Bytes


def _bits(content: bytes, rng: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _truncate(content: bytes, rng: Random) -> bytes:
    return content[: _place(content, rng)]


def _zero(content: bytes, rng: Random) -> bytes:
    first, last = _range(content, rng)
    return content[:first] + bytes(last - first) + content[last:]


def _fill(content: bytes, rng: Random) -> bytes:
    first, last = _range(content, rng)
    return content[:first] + b"\xff" * (last - first) + content[last:]


def _splice(content: bytes, rng: Random) -> bytes:
    first, last = _range(content, rng)
    place = _place(content, rng)
    return content[:place] + content[first:last] + content[place + last - first :]


def _insert(content: bytes, rng: Random) -> bytes:
    place = _place(content, rng)
    return content[:place] + rng.randbytes(rng.choice((1, 4, 64))) + content[place:]


def _repeat(content: bytes, rng: Random) -> bytes:
    first, last = _range(content, rng)
    return content[:last] + content[first:last] * rng.choice((1, 2, 20)) + content[last:]


def _pack(content: bytes, rng: Random) -> bytes:
    """Put an extreme number in place of another, more often near the beginning (headers)."""
    form, values = rng.choice(_PACKED)
    packed = struct.pack(form, rng.choice(values))
    place = _place(content, rng) // len(packed) * len(packed)
    return content[:place] + packed + content[place + len(packed) :]


def _place(content: bytes, rng: Random) -> int:
    end = len(content) if rng.random() < 0.5 else min(len(content), 512)
    return rng.randrange(end + 1)


def _range(content: bytes, rng: Random) -> tuple[int, int]:
    first = _place(content, rng)
    return first, min(len(content), first + rng.choice((1, 4, 32, 256, 4096)))


# Text


def _looks_like_text(content: bytes) -> bool:
    start = content[:512]
    return bool(start) and all(byte >= 32 or byte in b"\t\r\n" for byte in start)


def _number(content: bytes, rng: Random) -> bytes:
    found = list(_NUMBERS.finditer(content))
    if not found:
        return _word(content, rng)
    match = rng.choice(found)
    return content[: match.start()] + rng.choice(_WORDS) + content[match.end() :]


def _line(content: bytes, rng: Random) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, rng.choice(lines))
        case _:
            key, sign, _ = lines[place].partition(b"=")
            other = rng.choice((*_KEYS, "a.b", "[x]")).encode()
            lines[place] = rng.choice((key + sign + rng.choice(_WORDS), other + b" = 1", other))
    return b"\n".join(lines)


def _word(content: bytes, rng: Random) -> bytes:
    place = _place(content, rng)
    return content[:place] + rng.choice((*_WORDS, b"\0", b"\xff", b"'", b'"')) + content[place:]


# JSON


def _json(content: bytes, rng: Random) -> bytes:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _bits(content, rng)
    if rng.random() < 0.02:
        deep = rng.choice((100, 5_000, 200_000))
        return b'{"a":' * deep + b"1" + b"}" * deep
    return json.dumps(_changed(document, rng)).encode()


def _changed(document: Any, rng: Random) -> Any:
    """Change one node of a document."""
    nodes = list(_nodes(document))
    if not nodes:
        return rng.choice(_VALUES)
    holder, key = rng.choice(nodes)
    match rng.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(_KEYS)] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.extend([holder[key]] * rng.choice((1, 3, 100)))
        case 3:
            other, other_key = rng.choice(nodes)
            holder[key] = json.loads(json.dumps(other[other_key]))
        case 4 if isinstance(holder[key], int | float):
            holder[key] = rng.choice((-1, 0.5, 2, 1000)) * holder[key]
        case _:
            holder[key] = rng.choice(_VALUES)
    return document


def _nodes(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += _nodes(value[key])
    return found


# Containers, whose checksums stay right


def _safetensors(content: bytes, rng: Random) -> bytes:
    size = int.from_bytes(content[:8], "little")
    header = _json(content[8 : 8 + size], rng)
    if rng.random() < 0.1:
        return rng.randbytes(8) + content[8:]
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def _gzip(content: bytes, rng: Random) -> bytes:
    try:
        unpacked = zlib.decompressobj(wbits=31).decompress(content, _MOST_UNPACKED)
    except zlib.error:
        return _bits(content, rng)
    return gzip.compress(mutated(unpacked, rng), 1)


def _zip(content: bytes, rng: Random) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # damaged in a round before
        return _bits(content, rng)
    if not members:
        return _bits(content, rng)
    # What describes the others is damaged as often as all of them together.
    described = [i for i, (name, _) in enumerate(members) if name.endswith((".pkl", ".json"))]
    places = described if described and rng.random() < 0.5 else range(len(members))
    place = rng.choice(places)
    name, inner = members[place]
    match rng.randrange(10):
        case 0:
            del members[place]
        case 1:
            names = ("../x", "/etc/x", "a/b.md", "x.pkl", "nul\0", "C:x.md", "")
            members[place] = rng.choice(names), inner
        case 2:
            members.append((name, inner))
        case 3:
            members.append(("NOTES.md", bytes(rng.choice((0, 1000, 32 << 20)))))
        case _:
            members[place] = name, mutated(inner, rng)
    small = len(content) < _SLOW_TO_PACK
    kinds = (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA if small else zipfile.ZIP_DEFLATED)
    kind = zipfile.ZIP_STORED if rng.random() < 0.8 else rng.choice(kinds)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", kind, compresslevel=1) as archive:
        for member, data in members:
            archive.writestr(zipfile.ZipInfo(member or "empty"), data, kind, 1)
    return packed.getvalue()
