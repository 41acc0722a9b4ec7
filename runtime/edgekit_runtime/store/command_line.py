"""The commands of ``python -m edgekit_runtime`` for installed models."""

from __future__ import annotations

import argparse
import json
from typing import Any

from edgekit_runtime.errors import BelowThresholdError
from edgekit_runtime.printable_text import one_line

_SHORT = 12


def add_commands(commands: Any, common: argparse.ArgumentParser, interpreters: list[str]) -> None:
    """Add the commands to a parser.

    Args:
        commands: What ``add_subparsers`` returned.
        common: Options of every command.
        interpreters: Names of the interpreters.
    """
    proving = argparse.ArgumentParser(add_help=False)
    proving.add_argument("--interpreter", choices=interpreters, help="interpreter (default: the first installed)")
    proving.add_argument("--public-key", metavar="FILE|HEX", help="Ed25519 public key that it must be signed with")
    proving.add_argument("--max-ms", type=float, help="longest allowed median time of one prediction, in milliseconds")
    proving.add_argument("--reload", default="", help="command that makes programs load the new version")
    proving.add_argument(
        "--health", default="", help="command run afterwards; if it fails, the version before becomes current again"
    )
    proving.add_argument("--allow-unproven", action="store_true", help="accept a model without golden examples")

    installing = argparse.ArgumentParser(add_help=False)
    installing.add_argument("--name", required=True, help="name to install it under, for edgekit_runtime.load(NAME)")
    installing.add_argument("--keep", type=int, default=3, help="number of versions to keep (default: 3)")
    installing.add_argument("--allow-older", action="store_true", help="accept a lower release number than before")

    install = commands.add_parser(
        "install",
        parents=[common, installing, proving],
        help="prove a model on this device and make it the current version",
    )
    install.add_argument("model", help=".tflite file")
    install.set_defaults(run=_install)

    receive = commands.add_parser(
        "receive",
        parents=[common, installing, proving],
        help="install a model from standard input; this is the device's end of edgekit push",
    )
    receive.add_argument("digest", help="SHA-256 of the file in hex")
    receive.add_argument("size", type=int, help="size of the file in bytes")
    receive.set_defaults(run=_receive)

    pull = commands.add_parser(
        "pull",
        parents=[common, installing, proving],
        help="install the newest version of a model from a signed index on a web server",
    )
    pull.add_argument("address", metavar="URL", help="address of the folder that edgekit index writes")
    pull.add_argument(
        "--retry", action="store_true", help="install a version again that this device has refused or left"
    )
    pull.set_defaults(run=_pull)

    rollback = commands.add_parser(
        "rollback", parents=[common, proving], help="return to the version that was installed before the current one"
    )
    rollback.add_argument("name", help="name of the installed model")
    rollback.set_defaults(run=_roll_back)

    status = commands.add_parser("status", parents=[common], help="show what is installed, since when, and its state")
    status.add_argument("names", nargs="*", help="names of installed models (default: all)")
    status.add_argument(
        "--verify", action="store_true", help="run the golden examples again; exits with 3 if they fail"
    )
    status.set_defaults(run=_status)

    versions = commands.add_parser("list", parents=[common], help="show the versions of an installed model")
    versions.add_argument("name", help="name of the installed model")
    versions.set_defaults(run=_list)

    remove = commands.add_parser("remove", parents=[common], help="delete an installed model, or one of its versions")
    remove.add_argument("name", help="name of the installed model")
    remove.add_argument("--version", default="", metavar="DIGEST", help="the start of the digest of one version")
    remove.set_defaults(run=_remove)


def _options(options: argparse.Namespace) -> Any:
    from edgekit_runtime.store.installation import InstallOptions

    return InstallOptions(
        interpreter=options.interpreter,
        public_key=options.public_key,
        max_latency_ms=options.max_ms,
        keep=getattr(options, "keep", 3),
        allow_older=getattr(options, "allow_older", False),
        allow_unproven=options.allow_unproven,
        reload=options.reload,
        health=options.health,
    )


def _install(options: argparse.Namespace) -> None:
    from edgekit_runtime.store.installation import install

    _report(install(options.model, options.name, _options(options)), as_json=options.json)


def _receive(options: argparse.Namespace) -> None:
    import sys

    from edgekit_runtime.store.receiving import receive

    file = options.digest, options.size
    done = receive(file, options.name, _options(options), stdin=sys.stdin.buffer, stdout=sys.stdout)
    print(json.dumps(done.to_dict()))


def _pull(options: argparse.Namespace) -> None:
    from edgekit_runtime.store.pulling import pull

    done = pull(options.address, options.name, _options(options), retry=options.retry)
    _report(done, as_json=options.json)


def _roll_back(options: argparse.Namespace) -> None:
    from edgekit_runtime.store.installation import roll_back
    from edgekit_runtime.store.slot import require_slot

    _report(roll_back(require_slot(options.name), _options(options)), as_json=options.json)


def _report(installation: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(installation.to_dict(), indent=1))
        return
    version = installation.digest[:_SHORT]
    if not installation.changed:
        print(f"{installation.name}: version {version} is current already")
        return
    facts = [f"version {version} is current", f"proved on {installation.interpreter}"]
    if installation.max_error is not None:
        facts.append(f"errors up to {installation.max_error:.3g}")
    if installation.p50_ms is not None:
        facts.append(f"{installation.p50_ms:.3f} ms")
    if installation.previous:
        facts.append(f"before: {installation.previous[:_SHORT]}")
    print(f"{installation.name}: {'; '.join(facts)}")


def _status(options: argparse.Namespace) -> int:
    from edgekit_runtime.device_benchmark import read_board
    from edgekit_runtime.store.slot import installed_names, require_slot
    from edgekit_runtime.store.status import read_status, verify_current

    slots = [require_slot(name) for name in options.names or installed_names()]
    found = [verify_current(slot) if options.verify else read_status(slot) for slot in slots]
    temperature_c = read_board().temperature_c
    if options.json:
        models = [status.to_dict() for status in found]
        print(json.dumps({"models": models, "temperature_c": temperature_c}, indent=1))
    for status in () if options.json else found:
        release = "" if status.release is None else f"release {status.release}, "
        verdict = {None: "not verified", True: "verified", False: "FAILED verification"}[status.passed]
        line = (
            f"{status.name}: {status.digest[:_SHORT] or 'no version'}, {release}since {status.since or 'unknown'}, "
            f"{verdict} {status.verified} on {status.interpreter or 'no interpreter'}, {status.versions} kept"
        )
        print(line + (f"; {one_line(status.problem)}" if status.problem else ""))
    failed = any(status.problem or (options.verify and not status.passed) for status in found)
    return BelowThresholdError.exit_code if failed else 0


def _list(options: argparse.Namespace) -> None:
    from edgekit_runtime.store.slot import require_slot

    slot = require_slot(options.name)
    current = slot.current
    if options.json:
        print(json.dumps({"name": slot.name, "current": current, "versions": slot.digests()}, indent=1))
        return
    for digest in slot.digests():
        print(f"{digest}{'  current' if digest == current else ''}")


def _remove(options: argparse.Namespace) -> None:
    from edgekit_runtime.store.slot import require_slot

    slot = require_slot(options.name)
    with slot.locked():
        slot.remove(options.version)
    what = f"version {options.version} of {slot.name}" if options.version else slot.name
    print(json.dumps({"removed": what}) if options.json else f"{what} is removed.")
