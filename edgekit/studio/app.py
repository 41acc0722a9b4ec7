"""Defines the studio's web application: its routes and their responses."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from edgekit import __version__
from edgekit.studio.answers import answer_all, input_form, typed_inputs
from edgekit.studio.comparison import (
    StudioData,
    comparison_commands,
    comparison_rows,
    convert_command,
    layers_command,
    shown,
    variant_name,
)
from edgekit.studio.details import describe_model, example_png, example_texts, golden_examples
from edgekit.studio.jobs import Job, Jobs
from edgekit.studio.models import RawInputs, SourceModel, StudioModel, VariantModel, error_fields, image_input
from edgekit.studio.security import Access, AsgiApp, Guard, read_cookie
from edgekit.studio.sessions import MOST_OWN_MODELS, Sessions
from edgekit.studio.uploads import MOST_IMAGE_BYTES, MOST_JSON_BYTES, MOST_MODEL_BYTES, UploadError, Uploads
from edgekit_converters.quantization.modes import Mode
from edgekit_runtime.errors import DataError, EdgekitError, UsageError

_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_JSON = "application/json"
#: Format of a session key; any other cookie is replaced.
_KEY = re.compile(r"[A-Za-z0-9_-]{32,64}", re.ASCII)
_LARGEST_BUDGET = 0.2

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Studio:
    """State shared by the routes.

    Attributes:
        models: Models that the studio was started with, by identifier; the first is the reference.
        data: Data that the studio was started with.
        access: Rules for access.
        sessions: Models of individual users.
        jobs: Slow commands.
        uploads: Limits for request bodies.
    """

    models: Mapping[str, StudioModel]
    data: StudioData
    access: Access
    sessions: Sessions = field(default_factory=Sessions)
    jobs: Jobs = field(default_factory=Jobs)
    uploads: Uploads = field(default_factory=Uploads)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the studio."""
        return not self.access.token

    @property
    def session_cookie(self) -> str:
        """Name of the cookie with the session key."""
        return f"edgekit-session-{self.access.port}"

    def key(self, request: Request) -> str:
        """Key of the user's session; empty if the browser does not have one yet."""
        key = read_cookie(request.headers.get("cookie", ""), self.session_cookie)
        return key if _KEY.fullmatch(key) else ""

    def all_models(self, request: Request) -> dict[str, StudioModel]:
        """The shared models and those of the user."""
        return {**self.models, **self.sessions.models(self.key(request))}

    def model(self, request: Request, identifier: Any) -> StudioModel:
        """The shared or user's model with an identifier.

        Raises:
            DataError: There is no such model, or it belongs to another user.
        """
        found = self.all_models(request).get(identifier) if isinstance(identifier, str) else None
        if found is None:
            raise DataError("There is no such model here.", next_step="load the page again")
        return found

    @property
    def reference(self) -> StudioModel:
        """The model that all others are compared with."""
        return next(iter(self.models.values()))

    @property
    def source(self) -> SourceModel | None:
        """The model that variants are made from; None if there are only .tflite files."""
        return next((model for model in self.models.values() if isinstance(model, SourceModel)), None)


def build_app(studio: Studio) -> AsgiApp:
    """The ASGI application of the studio, protected by :class:`Guard`."""
    routes = [
        Route("/", _page(studio), methods=["GET"]),
        Route("/static/{name}", _static, methods=["GET"]),
        Route("/api/models", _answering(_models, studio), methods=["GET"]),
        Route("/api/models", _answering(_add_model, studio), methods=["POST"]),
        Route("/api/models/{identifier}", _answering(_details, studio), methods=["GET"]),
        Route("/api/models/{identifier}", _answering(_remove_model, studio), methods=["DELETE"]),
        Route("/api/models/{identifier}/file", _answering(_download, studio), methods=["GET"]),
        Route("/api/answers", _answering(_answers, studio), methods=["POST"]),
        Route("/api/examples", _answering(_examples, studio), methods=["GET"]),
        Route("/api/examples/{number:int}.png", _answering(_example, studio), methods=["GET"]),
        Route("/api/comparison", _answering(_comparison, studio), methods=["POST"]),
        Route("/api/layers", _answering(_layers, studio), methods=["POST"]),
        Route("/api/variants", _answering(_make_variant, studio), methods=["POST"]),
        Route("/api/jobs/{identifier}", _answering(_job, studio), methods=["GET"]),
    ]
    return Guard(Starlette(routes=routes), studio.access)


def _answering(endpoint: Callable[[Studio, Request], Awaitable[Response]], studio: Studio) -> Endpoint:
    """Wrap an endpoint so that its errors are returned as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(studio, request)
        except UploadError as error:
            return JSONResponse({"error": {"problem": error.problem}}, error.status, {"Connection": "close"})
        except EdgekitError as error:
            return JSONResponse({"error": error_fields(error)}, 400)
        except ClientDisconnect:
            return Response(status_code=400)

    return answer


def _page(studio: Studio) -> Endpoint:
    async def page(request: Request) -> Response:
        response = _file("index.html")
        if not studio.key(request):
            # The cookie is hidden from scripts and from other sites.
            response.set_cookie(studio.session_cookie, secrets.token_urlsafe(32), httponly=True, samesite="lax")
        return response

    return page


async def _static(request: Request) -> Response:
    return _file(request.path_params["name"])


def _file(name: str) -> Response:
    found = resources.files("edgekit.studio").joinpath("static")
    if name not in {entry.name for entry in found.iterdir()}:
        return Response("There is no such file.", 404, media_type="text/plain")
    media_type = _MEDIA_TYPES.get(name[name.rfind(".") :], "application/octet-stream")
    return Response(found.joinpath(name).read_bytes(), media_type=media_type)


async def _models(studio: Studio, request: Request) -> Response:
    own = studio.sessions.models(studio.key(request))
    models = [
        {
            "id": identifier,
            "name": model.name,
            "runs_on": model.runs_on,
            "size_bytes": model.size_bytes,
            "is_own": identifier in own,
            "is_variant": isinstance(model, VariantModel),
        }
        for identifier, model in {**studio.models, **own}.items()
    ]
    source = studio.source
    return JSONResponse(
        {
            "version": __version__,
            "models": models,
            "input": input_form(studio.reference),
            "data": studio.data.source if studio.is_local else PurePath(studio.data.source).name,
            "source": source.name if source else "",
            "has_layers": bool(studio.data.source) and isinstance(studio.reference, SourceModel),
            "modes": [mode.value for mode in Mode] if source else [],
            "most_own_models": MOST_OWN_MODELS,
            "accepts_models": studio.is_local,
            "limits": {"image": MOST_IMAGE_BYTES, "model": MOST_MODEL_BYTES},
        }
    )


async def _answers(studio: Studio, request: Request) -> Response:
    is_typed = request.headers.get("content-type", "").partition(";")[0].strip() == _JSON
    with studio.uploads.room() as room:
        most = MOST_JSON_BYTES if is_typed else MOST_IMAGE_BYTES
        body = await room.read(request.stream(), request.headers.get("content-length"), most)
        raw = typed_inputs(studio.reference, _object(body).get("inputs")) if is_typed else _image(studio, body)
        return JSONResponse(await anyio.to_thread.run_sync(answer_all, studio.all_models(request), raw))


def _image(studio: Studio, body: bytes) -> RawInputs:
    if image_input(studio.reference) is None:
        raise DataError(f"{studio.reference.name} does not take images.")
    if not body:
        raise DataError("The request has no image.", expected="an image file as the body")
    return RawInputs(body, {})


async def _add_model(studio: Studio, request: Request) -> Response:
    if not studio.is_local:
        raise UsageError("A public studio does not accept model files.", next_step="name them when you start it")
    key = _require_key(studio, request)
    studio.sessions.require_room(key)
    with studio.uploads.room() as room:
        body = await room.read(request.stream(), request.headers.get("content-length"), MOST_MODEL_BYTES)

        def add() -> str:
            path = studio.sessions.new_path(key, "model.tflite")
            path.write_bytes(body)
            try:
                return studio.sessions.add(key, path, _file_name(request.headers.get("x-file-name", "")))
            except BaseException:
                path.unlink()
                raise

        return JSONResponse({"id": await anyio.to_thread.run_sync(add)}, 201)


async def _remove_model(studio: Studio, request: Request) -> Response:
    if not studio.sessions.remove(studio.key(request), request.path_params["identifier"]):
        return _not_found("There is no such model of yours.")
    return Response(status_code=204)


async def _details(studio: Studio, request: Request) -> Response:
    identifier = request.path_params["identifier"]
    model = studio.model(request, identifier)
    command = studio.sessions.command(studio.key(request), identifier)
    others = list(studio.all_models(request).values())
    describe = partial(describe_model, data=studio.data, with_folders=studio.is_local)
    return JSONResponse(await anyio.to_thread.run_sync(describe, model, others, command))


async def _download(studio: Studio, request: Request) -> Response:
    identifier = request.path_params["identifier"]
    # Only the user's models can be downloaded; the others are files of the person who started the studio.
    model = studio.sessions.models(studio.key(request)).get(identifier)
    if model is None:
        return _not_found("There is no such model of yours.")
    return FileResponse(model.path, media_type="application/octet-stream", filename=model.name)


async def _examples(studio: Studio, request: Request) -> Response:
    golden, model = await anyio.to_thread.run_sync(_golden, studio)
    if golden is None or model is None:
        return JSONResponse({"images": 0, "texts": []})
    if image_input(studio.reference) is not None:
        is_pixels = golden.inputs[0].dtype == "uint8" and golden.inputs[0].ndim == 4
        return JSONResponse({"images": min(16, len(golden.inputs[0])) if is_pixels else 0, "texts": []})
    is_typed = input_form(studio.reference)["kind"] == "numbers" and len(golden.inputs) == len(studio.reference.inputs)
    return JSONResponse({"images": 0, "texts": example_texts(studio.reference, golden) if is_typed else []})


async def _example(studio: Studio, request: Request) -> Response:
    golden, _ = await anyio.to_thread.run_sync(_golden, studio)
    number = request.path_params["number"]
    if golden is None or golden.inputs[0].dtype != "uint8" or number >= min(16, len(golden.inputs[0])):
        return _not_found("There is no such example.")
    return Response(await anyio.to_thread.run_sync(example_png, golden, number), media_type="image/png")


def _golden(studio: Studio) -> Any:
    """The golden examples of the first shared model that has any, and that model."""
    for model in studio.models.values():
        golden = golden_examples(model)
        if golden is not None and golden.inputs:
            return golden, model
    return None, None


async def _comparison(studio: Studio, request: Request) -> Response:
    again = (await _body_object(studio, request)).get("again") is True
    own = studio.sessions.models(studio.key(request))
    models = {**studio.models, **own}
    commands = comparison_commands(list(models.values()), studio.data)
    if not commands:
        return JSONResponse({"state": "done", "result": comparison_rows(models, [])})
    # Users without models of their own share the results of jobs.
    owner = studio.key(request) if own else ""
    job = studio.jobs.start(
        owner, ("comparison", *models), commands, lambda outputs: comparison_rows(models, outputs), again=again
    )
    return _job_response(job)


async def _layers(studio: Studio, request: Request) -> Response:
    wanted = (await _body_object(studio, request)).get("model")
    variant = studio.model(request, wanted)
    if not studio.data.source or not isinstance(studio.reference, SourceModel) or not isinstance(variant, VariantModel):
        raise UsageError(
            "Layers are compared between a source model and a variant, on data.",
            next_step="start the studio with the Keras model first, its variants, and --data",
        )
    owner = studio.key(request) if wanted in studio.sessions.models(studio.key(request)) else ""
    command = layers_command(studio.reference, variant, studio.data)
    job = studio.jobs.start(owner, ("layers", str(wanted)), [command], lambda outputs: {"layers": outputs[0]["layers"]})
    return _job_response(job)


async def _make_variant(studio: Studio, request: Request) -> Response:
    wanted = await _body_object(studio, request)
    key, source = _require_key(studio, request), studio.source
    if source is None:
        raise UsageError("There is no model to make variants from.", next_step="name the .h5 or .keras file, too")
    mode, max_drop = _wanted_variant(wanted, studio.data)
    studio.sessions.require_room(key)
    name = variant_name(source, mode, max_drop)
    typed = convert_command(source, mode, max_drop, studio.data, source.path.with_name(name))
    command = shown(typed, with_folders=studio.is_local)
    if wanted.get("dry_run") is True:
        return JSONResponse({"command": command})
    path = studio.sessions.new_path(key, name)

    def finish(outputs: list[Any]) -> dict[str, Any]:
        budget = outputs[0].get("budget")
        identifier = studio.sessions.add(key, path, name, command)
        return {"id": identifier, "name": name, "command": command, "budget": _budget(budget)}

    arguments = convert_command(source, mode, max_drop, studio.data, path)
    job = studio.jobs.start(key, ("variant", path.parent.name), [arguments], finish)
    return _job_response(job)


def _wanted_variant(wanted: Mapping[str, Any], data: StudioData) -> tuple[str, float | None]:
    mode, max_drop = wanted.get("quantize"), wanted.get("max_drop")
    if not isinstance(mode, str) or mode not in {known.value for known in Mode}:
        raise UsageError("There is no such quantization mode.", expected=", ".join(known.value for known in Mode))
    is_number = isinstance(max_drop, (int, float)) and not isinstance(max_drop, bool)
    if max_drop is not None and not (is_number and 0 <= max_drop <= _LARGEST_BUDGET):
        raise UsageError("The budget is not one.", expected=f"a number from 0 to {_LARGEST_BUDGET:g}")
    if not data.source and (Mode(mode).needs_calibration or max_drop is not None):
        raise UsageError(
            "A variant that is calibrated or judged needs data.", next_step="start the studio with --data NAME|PATH"
        )
    return mode, None if max_drop is None else float(max_drop)


def _budget(budget: Any) -> dict[str, Any] | None:
    if not isinstance(budget, dict):
        return None
    chosen = budget["candidates"][budget["chosen"]]
    return {name: chosen[name] for name in ("drop", "verdict", "float_operators", "operators", "label")} | {
        "met": budget["met"]
    }


async def _job(studio: Studio, request: Request) -> Response:
    job = studio.jobs.get(request.path_params["identifier"], studio.key(request))
    return _not_found("There is no such work.") if job is None else _job_response(job)


def _job_response(job: Job) -> Response:
    return JSONResponse(job.to_dict())


def _not_found(problem: str) -> Response:
    return JSONResponse({"error": {"problem": problem}}, 404)


def _require_key(studio: Studio, request: Request) -> str:
    key = studio.key(request)
    if not key:
        raise UsageError("The browser has no session.", next_step="allow cookies for this address, and load it again")
    return key


async def _body_object(studio: Studio, request: Request) -> dict[str, Any]:
    with studio.uploads.room() as room:
        return _object(await room.read(request.stream(), request.headers.get("content-length"), MOST_JSON_BYTES))


def _object(body: bytes) -> dict[str, Any]:
    import json

    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DataError("The request is not a JSON object.")
    return content


def _file_name(header: str) -> str:
    """The name of an uploaded file, without folders and control characters."""
    name = unquote(header).replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in name if character.isprintable())[:100] or "model.tflite"
