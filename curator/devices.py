"""Where ONNX models compute: the processor, or what else onnxruntime offers on this machine.

A device is onnxruntime's *execution provider*, named as there without "ExecutionProvider"
(https://onnxruntime.ai/docs/execution-providers). Which ones there are depends on which of its
packages is installed; each of them has the processor too.
"""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.errors import MissingError, UsageError

__all__ = ["CPU", "Device", "automatic", "find_device", "open_session"]

_PROVIDER = "ExecutionProvider"
_OUR_NAMES = {"dml": "directml"}
_PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "directml": "onnxruntime-directml",
    "openvino": "onnxruntime-openvino",
}
# Not tried unasked: TensorRT compiles for minutes, CoreML runs no int8, the others are made for
# phones or are the processor under another name.
_AUTOMATIC = ("cuda", "migraphx", "directml")
_ELSEWHERE = ("azure", "js", "webnn")  # these run no model on this machine


@dataclass(frozen=True)
class Device:
    """A device by our name and onnxruntime's."""

    name: str
    provider: str


CPU = Device("cpu", "CPUExecutionProvider")


def find_device(name: str) -> Device:
    """The device of a name. Only for others than ``cpu`` onnxruntime is loaded.

    Raises:
        UsageError: no device has that name.
        MissingError: the onnxruntime that is installed does not offer it.
    """
    wanted = name.strip().lower()
    if wanted == CPU.name:
        return CPU
    import onnxruntime as ort

    known = {device.name: device for device in map(_device, ort.get_all_providers())}
    if wanted not in known or wanted in _ELSEWHERE:
        names = ", ".join(sorted(known.keys() - set(_ELSEWHERE)))
        raise UsageError(
            f"CURATOR_DEVICE cannot be {name!r}.", remedy=f"Use auto, or one of {names}."
        )
    device = known[wanted]
    if device.provider not in ort.get_available_providers():
        raise _missing(device, "the onnxruntime that is installed is built without it")
    return device


def automatic() -> list[Device]:
    """The GPUs that the installed onnxruntime offers, the most promising first."""
    import onnxruntime as ort

    offered = {device.name: device for device in map(_device, ort.get_available_providers())}
    return [offered[name] for name in _AUTOMATIC if name in offered]


def open_session(model: Path, device: Device, *, threads: int = 1) -> Any:
    """An ``InferenceSession`` on a device.

    Raises:
        MissingError: the device does not work here (no driver, a library that is missing).
        Exception: onnxruntime's own, where the file is no model.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads starve a llama.cpp model in the same process (FACTS: 10-30 fold).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4 if device is not CPU else 3
    if device is CPU:
        return ort.InferenceSession(str(model), options, providers=[CPU.provider])
    if device.name == "directml":  # its documentation demands this
        options.enable_mem_pattern = False
    with contextlib.redirect_stdout(io.StringIO()):  # both print, and stdout is for answers
        if device.name in ("cuda", "tensorrt") and hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # finds CUDA where pip has put it
        try:
            session = ort.InferenceSession(
                str(model),
                options,
                providers=[device.provider, CPU.provider],
                enable_fallback=0,
            )
        except Exception as error:
            raise _missing(device, f"it does not start: {_first_line(error)}") from error
    if device.provider not in session.get_providers():
        raise _missing(device, "its libraries or its driver cannot be loaded")
    return session


def _device(provider: str) -> Device:
    name = provider.removesuffix(_PROVIDER).lower()
    return Device(_OUR_NAMES.get(name, name), provider)


def _missing(device: Device, why: str) -> MissingError:
    if package := _PACKAGES.get(device.name):
        get = (
            f"Install {package} in place of onnxruntime (pip uninstall onnxruntime; "
            f"pip install {package}) and the drivers it asks for"
        )
    elif device.name == "coreml" and sys.platform != "darwin":
        get = "It is in onnxruntime for macOS only"
    else:
        get = "See https://onnxruntime.ai/docs/execution-providers for how to get it"
    return MissingError(
        f"The device {device.name!r} cannot be used: {why}.",
        remedy=f"{get}; or set CURATOR_DEVICE=cpu.",
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
