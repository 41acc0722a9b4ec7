"""Damages .tflite files reproducibly, and loads and runs each; a separate program, because native code may crash.

``python damage.py SEED FIRST LAST MODEL …`` prints one line before and one line after each file, so that the parent
process knows which file caused a crash or a hang: ``NUMBER kind model``, then ``refused: …`` or ``answered: …``.
``--bare`` bypasses the runtime, for comparison, and runs each file in a separate process, because many crash.
``--watched`` exits at the first file that takes more than 5 s of CPU, writes, starts a program or loads code, and
prints the peak memory at the end.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import resource
import signal
import struct
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def structure_ranges(content: bytes) -> list[range]:
    """Positions of the bytes that are not weights: everything outside the largest quarter of the constant tensors."""
    from edgekit_runtime.tflite.flatbuffer import FlatBuffer
    from edgekit_runtime.tflite.schema import Buffer, Model

    root = FlatBuffer(content).root()
    places = [buffer.vector_place(Buffer.DATA, "data") for buffer in root.tables(Model.BUFFERS, "buffer")]
    weights = sorted((start, start + size) for start, size in places if size >= 64)
    ranges, position = [], 0
    for start, stop in weights:
        ranges.append(range(position, start))
        position = stop
    ranges.append(range(position, len(content)))
    return [part for part in ranges if len(part)]


def flip_structure(content: bytes, dice: random.Random) -> bytes:
    ranges = structure_ranges(content)
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 8))):
        part = dice.choices(ranges, weights=[len(r) for r in ranges])[0]
        damaged[dice.choice(part)] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def overwrite_structure(content: bytes, dice: random.Random) -> bytes:
    """Replace one aligned 32-bit number outside the weights by an extreme value."""
    part = dice.choice(structure_ranges(content))
    place = min(dice.choice(part) & ~3, len(content) - 4)
    value = dice.choice((0, 1, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content), dice.getrandbits(32)))
    return content[:place] + struct.pack("<I", value) + content[place + 4 :]


def flip_anywhere(content: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 4, 64))):
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def cut_out(content: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(8, len(content))
    return content[:start] + content[start + dice.randrange(1, 256) :]


def splice(content: bytes, dice: random.Random) -> bytes:
    """Copy a piece of the file to another position in it."""
    size = dice.randrange(1, 512)
    start, target = dice.randrange(len(content)), dice.randrange(8, len(content))
    piece = content[start : start + size]
    return content[:target] + piece + content[target + len(piece) :]


def miswire(content: bytes, dice: random.Random) -> bytes:
    """Remove the last inputs or outputs of an operator, or replace one of them by another tensor or by none."""
    from edgekit_runtime.tflite.flatbuffer import FlatBuffer
    from edgekit_runtime.tflite.schema import Model, Operator, SubGraph

    graph = dice.choice(list(FlatBuffer(content).root().tables(Model.SUBGRAPHS, "subgraph")))
    tensors = graph.count(SubGraph.TENSORS, "tensor")
    operators = list(graph.tables(SubGraph.OPERATORS, "operator"))
    fields = (Operator.INPUTS, Operator.OUTPUTS)
    places = [o.vector_place(field, "tensors") for o in operators for field in fields if o.count(field, "tensors")]
    if not places:
        return flip_structure(content, dice)
    start, size = dice.choice(places)
    damaged = bytearray(content)
    if dice.randrange(2):
        struct.pack_into("<I", damaged, start - 4, dice.randrange(size))
    else:
        struct.pack_into("<i", damaged, start + 4 * dice.randrange(size), dice.randrange(-1, tensors))
    return bytes(damaged)


KINDS = (flip_structure, overwrite_structure, flip_anywhere, truncate, cut_out, splice, miswire)


def take_apart(content: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The FlatBuffer and the parts packed behind it."""
    from edgekit_runtime.packed_file.manifest import Parts

    parts = Parts(content)
    return content[: parts.start], {name: parts.read(name) for name in parts.names}


def put_together(flatbuffer: bytes, parts: dict[str, bytes]) -> bytes:
    """Create a packed file with valid checksums and digest, so that the code that reads the parts is reached."""
    try:
        facts = json.loads(parts["edgekit.json"])
        facts["model_sha256"] = hashlib.sha256(flatbuffer).hexdigest()
        parts = {**parts, "edgekit.json": json.dumps(facts).encode()}
    except (KeyError, ValueError, TypeError, RecursionError):
        pass
    file = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


#: JSON texts that replace some value.
HOSTILE_JSON = (
    *("null", "true", "-1", "0", "1e308", "-1e308", "NaN", "Infinity", "1" * 400, "1" * 5000, '""', "[]", "{}", "[[]]"),
    *('"\\u001b[2J\\ud800"', '"../../x"', '"' + "x" * 100_000 + '"', "[" * 50_000, "[" * 500 + "]" * 500),
    *('{"a": ' * 500 + "1" + "}" * 500, "[" + "0," * 50_000 + "0]", '["a", 1]', "[1e400, 2]"),
)


def change_manifest(content: bytes, dice: random.Random) -> bytes:
    """Replace one value of the manifest, at any depth."""
    flatbuffer, parts = take_apart(content)
    facts = json.loads(parts["edgekit.json"])
    place = facts
    while True:
        key = dice.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not (isinstance(place[key], (dict, list)) and place[key]) or not dice.randrange(3):
            break
        place = place[key]
    place[key] = "HERE"
    parts["edgekit.json"] = json.dumps(facts).replace('"HERE"', dice.choice(HOSTILE_JSON)).encode()
    return put_together(flatbuffer, parts)


def change_part(content: bytes, dice: random.Random) -> bytes:
    """Damage one part, rename it, or add one with a malicious name."""
    flatbuffer, parts = take_apart(content)
    name = dice.choice(list(parts))
    how = dice.randrange(4)
    if how == 0:
        parts[dice.choice(("../x", "/x", "x" * 60_000, "labels.txt\\0", "a\nb"))] = parts.pop(name)
    elif how == 1:
        parts["labels.txt"] = dice.choice((b"\xff", b"a\0b\n" * 10, b"x" * 17_000_000, b"\n" * 100_000))
    else:
        parts[name] = dice.choice((flip_anywhere, truncate, cut_out))(parts[name] + bytes(16), dice)
    return put_together(flatbuffer, parts)


def change_golden(content: bytes, dice: random.Random) -> bytes:
    """Change the header, a byte or the name of one array of the golden examples."""
    flatbuffer, parts = take_apart(content)
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(parts["golden.npz"])) as old, zipfile.ZipFile(changed, "w") as new:
        chosen = dice.choice(old.namelist())
        for name in old.namelist():
            array, new_name = old.read(name), name
            if name == chosen:
                how = dice.randrange(4)
                if how == 0:
                    array = array.replace(b"(", dice.choice((b"(9999999999,", b"(-1,", b"(0, 9", b"((((")), 1)
                elif how == 1:
                    array = array.replace(b"'descr': '", dice.choice((b"'descr': 'O", b"'descr': 'c", b"'descr': 'V")))
                elif how == 2:
                    array = flip_anywhere(array, dice)
                else:
                    new_name = dice.choice(("input_9", "output_7", "../x", "keras_1e9")) + ".npy"
            new.writestr(new_name, array)
    parts["golden.npz"] = changed.getvalue()
    return put_together(flatbuffer, parts)


def change_flatbuffer(content: bytes, dice: random.Random) -> bytes:
    """Damage the FlatBuffer like that of a plain file, and store the digest of the result."""
    flatbuffer, parts = take_apart(content)
    return put_together(dice.choice(KINDS)(flatbuffer, dice), parts)


PACKED_KINDS = (*KINDS, change_manifest, change_part, change_golden, change_flatbuffer, change_flatbuffer)


def damaged_file(
    seed: int, number: int, contents: list[bytes], kinds: Sequence[Callable[[bytes, random.Random], bytes]] = KINDS
) -> tuple[str, int, bytes]:
    dice = random.Random(seed * 1_000_000 + number)
    kind = kinds[number % len(kinds)]
    which = dice.randrange(len(contents))
    return kind.__name__, which, kind(contents[which], dice)


def is_packed(content: bytes) -> bool:
    return content[-22:-18] == b"PK\x05\x06"


def ask_with_runtime(content: bytes) -> list[np.ndarray]:
    import edgekit_runtime

    model = edgekit_runtime.load(content)
    dice = np.random.default_rng(0)
    answer = model.predict({info.name: values(dice, info.shape, info.dtype) for info in model.inputs})
    if is_packed(content):
        model.verify()
        if model.preprocessing is not None:
            model.classify(np.zeros((5, 7, 4), np.uint8))
    return list(answer.values()) if isinstance(answer, dict) else [answer]


def ask_bare(content: bytes) -> list[np.ndarray]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            return ask_bare_c_library(content)
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    dice = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], values(dice, detail["shape"], detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def ask_bare_c_library(content: bytes) -> list[np.ndarray]:
    from edgekit_runtime.interpreters.choosing import choose_interpreter

    interpreter: Any = choose_interpreter("tflite-c").create(content, num_threads=1)
    dice = np.random.default_rng(0)
    for index in interpreter._indices("Input"):
        view = interpreter._view(index)
        interpreter.set_tensor(index, values(dice, view.shape, view.dtype))
    interpreter.invoke()
    return [interpreter.get_tensor(index) for index in interpreter._indices("Output")]


def values(dice: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Random floats between 0 and 1, or small integers, because an embedding has few rows."""
    sizes = [max(size, 1) for size in shape]
    kind = np.dtype(dtype).kind
    return dice.random(sizes).astype(dtype) if kind == "f" else dice.integers(0, 2 if kind == "b" else 4, sizes, dtype)


def outcome(ask: Callable[[bytes], list[np.ndarray]], content: bytes, sound: list[np.ndarray] | None) -> str:
    """``refused: TheError``, or whether the prediction equals that of the intact file."""
    try:
        answer = ask(content)
    except Exception as error:
        if ask is ask_bare or type(error).__module__ == "edgekit_runtime.errors":
            return f"refused: {type(error).__name__}"
        raise
    same = sound is not None and len(sound) == len(answer) and all(map(np.array_equal, sound, answer))
    return "answered: as the sound file" if same else "answered: something else"


def sound_answer(ask: Callable[[bytes], list[np.ndarray]], content: bytes) -> list[np.ndarray] | None:
    """The prediction of an intact file; ``None`` if this interpreter refuses the file."""
    try:
        return ask(content)
    except Exception:
        return None


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    watched = "--watched" in sys.argv
    kinds = PACKED_KINDS if watched else KINDS
    ask = ask_bare if "--bare" in sys.argv else ask_with_runtime
    seed, first, last = (int(text) for text in arguments[:3])
    contents = [Path(path).read_bytes() for path in arguments[3:]]
    sound = [sound_answer(ask, content) for content in contents]
    if watched:
        # After these runs, everything that intact and damaged files need has been imported.
        for number in range(100):
            sound_answer(ask, damaged_file(0, number, contents, kinds)[2])
        start_watching()
    for number in range(first, last):
        kind, which, content = damaged_file(seed, number, contents, kinds)
        print(f"{number} {kind} {Path(arguments[3 + which]).name}", flush=True)
        if ask is ask_bare:
            in_a_child(lambda content=content, which=which: print(outcome(ask, content, sound[which]), flush=True))
        else:
            if watched:
                signal.setitimer(signal.ITIMER_PROF, 5)
            print(outcome(ask, content, sound[which]), flush=True)
    if watched:
        # ru_maxrss is not usable, because a process inherits it from the process that started it.
        with Path("/proc/self/status").open() as status:
            print(f"peak {next(int(line.split()[1]) for line in status if line.startswith('VmHWM'))} kB", flush=True)


#: Audit events that no model may cause. Reading files is allowed, and so is "compile": numpy reads the header of an
#: array with ast.literal_eval(), which does not execute anything.
FORBIDDEN = (
    *("exec", "import", "pickle.find_class", "marshal.loads", "ctypes.dlopen", "subprocess.Popen"),
    *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link"),
    *("os.symlink", "os.truncate", "os.chmod", "os.chdir", "os.putenv", "socket.connect", "socket.bind", "shutil.move"),
)


def start_watching() -> None:
    """Exit this process as soon as it does anything that no model may cause."""
    # Python's parser imports this module if an array's header has non-ASCII letters; parsing does not execute anything.
    import unicodedata  # noqa: F401

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and bool(int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if event in FORBIDDEN or writes:
            os.write(2, f"forbidden: {event} {arguments!r:.300}\n".encode())
            os._exit(9)

    sys.addaudithook(watch)


def in_a_child(work: Callable[[], None]) -> None:
    """Do the work in a forked process; if that process crashes, print how."""
    child = os.fork()
    if child == 0:
        # A hundred times as long as the slowest of these models takes.
        signal.alarm(5)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        died_of = os.WTERMSIG(status)
        print("hung" if died_of == signal.SIGALRM else f"crashed: {signal.Signals(died_of).name}", flush=True)


if __name__ == "__main__":
    main()
