"""``edgekit devices``: emulated Raspberry Pis, and whether a model answers right on them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, data_option, json_option, seed_option
from edgekit.commands.shared.reporting import exit_code_of, exit_with, report
from edgekit.devices.emulation.catalogue import KINDS

_name_argument = click.argument("name", type=click.Choice(list(KINDS)))
_cpu_option = click.option(
    "--cpu", "processors", multiple=True, help="Processor to emulate; may be given several times. [default: a Pi 4's]"
)


@click.group()
def command() -> None:
    """Run models on a Raspberry Pi, emulated or real.

    An emulated Pi is Debian's own Python for ARM with the published wheels, in the cache folder. It shows what
    a Pi answers; it cannot show how long a Pi takes.

    \b
    edgekit devices create pi-arm64
    edgekit devices check pi-arm64 model.tflite --data digits
    """


@command.command("list")
@json_option
def list_devices(as_json: bool) -> None:
    """Show the Pis that can be emulated, and those that are built."""
    from edgekit.devices.emulation.emulated_pi import find
    from edgekit.reports.terminal.devices import devices_as_dict, print_devices

    built = {kind.name: find(kind) for kind in KINDS.values()}
    report(lambda: devices_as_dict(built), lambda: print_devices(built), as_json=as_json)


@command.command("create")
@_name_argument
@click.option("--mirror", metavar="URL", help="A Debian mirror. [default: the one in this machine's apt sources]")
@json_option
def create_device(name: str, mirror: str | None, as_json: bool) -> None:
    """Build an emulated Pi (100 to 200 MB), unless it exists.

    Only the cache folder of this machine is changed; root rights are not needed.
    """
    from edgekit.devices.emulation.emulated_pi import create
    from edgekit.reports.terminal.devices import print_built

    device = create(KINDS[name], mirror)
    report(device.to_dict, lambda: print_built(device), as_json=as_json)


@command.command("remove")
@_name_argument
def remove_device(name: str) -> None:
    """Delete an emulated Pi."""
    from edgekit.devices.emulation.emulated_pi import remove

    click.echo(f"{name} is deleted." if remove(KINDS[name]) else f"{name} was not built.")


@command.command("run", context_settings={"ignore_unknown_options": True})
@_name_argument
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--cpu", "processor", help="Processor to emulate. [default: a Pi 4's]")
def run_program(name: str, arguments: tuple[str, ...], processor: str | None) -> None:
    """Run Python on an emulated Pi, with the device runtime available.

    \b
    edgekit devices run pi-arm64 -- -m edgekit_runtime info model.tflite
    """
    from edgekit.devices.finding import emulated_devices
    from edgekit.devices.running import run_python

    (device,) = emulated_devices(KINDS[name], () if processor is None else (processor,))
    exit_with(run_python(device, arguments))


@command.command("setup")
@click.argument("where", metavar="DEVICE")
@json_option
def set_up_device(where: str, as_json: bool) -> None:
    """Make DEVICE ready to run models.

    DEVICE is ssh:USER@HOST, or ssh:USER@HOST:PYTHON. It needs neither internet access nor root rights: this machine
    fetches the wheels for its Python and processor and sends them with the runtime. They go to
    ~/.local/share/edgekit/python there, after a small model was verified with them; run programs with its bin/python.

    \b
    edgekit devices setup ssh:pi@kitchen
    """
    from edgekit.deployment.setup import set_up
    from edgekit.devices.ssh import SshDevice
    from edgekit.progress import progress_bar

    device = SshDevice.parse(where)
    with ExitStack() as shown:
        ready = set_up(device, lambda size: shown.enter_context(progress_bar(f"Sending to {device.name}", size)))
    report(
        ready.to_dict,
        lambda: click.echo(
            f"{ready.device} is ready: {ready.interpreter} on Python {ready.python}, {ready.machine}; "
            f"{ready.sent_bytes / 1e6:.0f} MB were sent."
        ),
        as_json=as_json,
    )


@command.command("verify")
@click.argument("where", metavar="DEVICE")
@click.argument("models", nargs=-1, required=True, type=EXISTING_OR_NOT)
@_cpu_option
@json_option
def verify_models(where: str, models: tuple[Path, ...], processors: tuple[str, ...], as_json: bool) -> None:
    """Verify the golden examples of MODELS (.tflite) on DEVICE.

    DEVICE is named as for check. Needs no data. Exits with 3 if a prediction is not within the tolerance packed with
    the model.

    \b
    edgekit devices verify pi-armhf model.tflite
    """
    from edgekit.devices.finding import find_devices
    from edgekit.devices.golden_verification import verify_golden_on
    from edgekit.progress import tracked
    from edgekit.reports.terminal.devices import print_verifications
    from edgekit_runtime.packed_file.model_file import read_model_file

    devices = find_devices(where, processors)
    for path in models:
        # A missing or foreign file is reported before any device is used.
        read_model_file(path)
    pairs = [(device, path) for path in models for device in devices]
    found = [verify_golden_on(device, path) for device, path in tracked(pairs, "Verifying", total=len(pairs))]
    report(
        lambda: {"replays": [verification.to_dict() for verification in found]},
        lambda: print_verifications(found),
        as_json=as_json,
        exit_code=exit_code_of(all(verification.passed for verification in found)),
    )


@command.command("check")
@click.argument("where", metavar="DEVICE")
@click.argument("models", nargs=-1, required=True, type=EXISTING_OR_NOT)
@data_option(required=False, purpose="Data whose held-back examples are predicted")
@click.option("--random", "use_random", is_flag=True, help="Use random inputs when no dataset is available.")
@click.option("--samples", type=click.IntRange(min=1), default=200, show_default=True, help="Maximum number of inputs.")
@click.option("--against", default="here", show_default=True, help="Device to compare with.")
@_cpu_option
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    default=0.99,
    show_default=True,
    help="Smallest allowed share of equal classes, 0 to 1.",
)
@click.option(
    "--max-error",
    type=click.FloatRange(min=0),
    default=0.05,
    show_default=True,
    help="Largest allowed difference of outputs that are not classes, as a share of their range.",
)
@seed_option
@json_option
def check_models(
    where: str,
    models: tuple[Path, ...],
    data: str | None,
    use_random: bool,
    samples: int,
    against: str,
    processors: tuple[str, ...],
    min_agreement: float,
    max_error: float,
    seed: int,
    as_json: bool,
) -> None:
    """Compare predictions of MODELS on DEVICE and here.

    MODELS are .tflite files. DEVICE is an emulated Pi, ssh:USER@HOST for a real one (ssh:USER@HOST:PYTHON names a
    Python there), or the path of another environment's Python. Exits with 3 if the predictions differ by more than
    rounding explains.

    \b
    edgekit devices check pi-armhf model.tflite --data digits
    edgekit devices check ssh:pi@raspberrypi.local model.tflite --data photos/
    """
    import edgekit_runtime
    from edgekit.devices.comparison import Tolerance, compare_on
    from edgekit.devices.finding import find_devices
    from edgekit.devices.inputs import inputs_from_data, random_inputs
    from edgekit.progress import tracked
    from edgekit.reports.terminal.devices import print_comparisons
    from edgekit_runtime.errors import UsageError

    if (data is None) != use_random:
        raise UsageError("Pass either --data or --random.", received="both" if data else "neither")
    devices = find_devices(where, processors)
    (reference,) = find_devices(against)
    tolerance = Tolerance(min_agreement, max_error)
    comparisons = []
    for path in models:
        model = edgekit_runtime.load(path)
        inputs = random_inputs(model, samples, seed) if data is None else inputs_from_data(model, data, samples, seed)
        for device in tracked(devices, f"Running {path.name}", total=len(devices)):
            comparisons.append(compare_on(device, reference, path, inputs, tolerance))
    report(
        lambda: {"comparisons": [comparison.to_dict() for comparison in comparisons]},
        lambda: print_comparisons(comparisons),
        as_json=as_json,
        required=[comparison.require_passed for comparison in comparisons],
    )
