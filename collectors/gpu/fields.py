"""What the driver keeps as numbered fields: one call for all of them, each with a return code of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ctypes import Array, Structure
from functools import cache
from typing import Any

import pynvml

from burnline.collectors.gpu.session import ABSENT, NOT_AVAILABLE, Reading
from burnline.metrics import gpu as names

ALL_LINKS = 0xFFFFFFFF  # as scope: the sum over the links of a GPU
KIB = 1024.0
NANOSECOND = 1e-9

_VALUES = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")  # by nvmlValueType_t
# Drivers say much of a field they do not have; only these say that the GPU is in trouble.
_TROUBLE = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED})

_NVLINK = {"crc_flit": 38, "crc_data": 45, "replay": 52, "recovery": 59}  # NVML_FI_DEV_NVLINK_*_ERROR_COUNT_TOTAL
_REASONS = {"power_cap": 74, "sync_boost": 76, "sw_thermal": 269, "hw_thermal": 270, "hw_power_brake": 271}

# Field -> name, labels, what its unit is in base units
FIELDS: dict[int, tuple[str, dict[str, str], float]] = {
    pynvml.NVML_FI_DEV_MEMORY_TEMP: (names.MEMORY_TEMPERATURE, {}, 1),
    pynvml.NVML_FI_DEV_RETIRED_SBE: (names.RETIRED_PAGES, {"kind": "corrected"}, 1),
    pynvml.NVML_FI_DEV_RETIRED_DBE: (names.RETIRED_PAGES, {"kind": "uncorrected"}, 1),
    pynvml.NVML_FI_DEV_RETIRED_PENDING: (names.RETIRED_PENDING, {}, 1),
    pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX: (names.NVLINK_SENT, {}, KIB),
    pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX: (names.NVLINK_RECEIVED, {}, KIB),
    **{field: (names.NVLINK_ERRORS, {"kind": kind}, 1) for kind, field in _NVLINK.items()},
    **{field: (names.THROTTLED_SECONDS, {"reason": reason}, NANOSECOND) for reason, field in _REASONS.items()},
}
ACTIONS = {  # NVML_GPU_RECOVERY_ACTION_*
    0: "none",
    1: "gpu_reset",
    2: "node_reboot",
    3: "drain_p2p",
    4: "drain_and_reset",
    5: "recover_imex_domain",
    6: "bus_reset",
    7: "system_reboot",
}
_RECOVERY_ACTION = 230  # NVML_FI_DEV_GET_GPU_RECOVERY_ACTION
_SCOPED = frozenset({pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX})
_REQUEST = [(field, ALL_LINKS if field in _SCOPED else 0) for field in (*FIELDS, _RECOVERY_ACTION)]
_LINK_COUNT = pynvml.NVML_FI_DEV_NVLINK_LINK_COUNT
_LINK_SENT, _LINK_RECEIVED = 202, 204  # NVML_FI_DEV_NVLINK_COUNT_{XMIT,RCV}_BYTES: links of Blackwell and newer
MAX_LINKS = 36


class _Answer(Structure):
    """As pynvml has it, without its attributes in Python: with them one call takes longer than all others together."""

    _fields_ = pynvml.c_nvmlFieldValue_t._fields_


def read_fields(handle: Any) -> Iterator[Reading]:
    """Every field the GPU offers.

    Raises: pynvml.NVMLError when the GPU is in trouble.
    """
    found = values(handle, _REQUEST)
    for field, value in found.items():
        if field == _RECOVERY_ACTION:
            yield from _recovery(int(value))
        else:
            name, labels, scale = FIELDS[field]
            yield name, labels, value * scale
    if pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX not in found:
        yield from _by_link(handle)


def values(handle: Any, request: Sequence[tuple[int, int]]) -> dict[int, float]:
    """Field -> value, added up over its scopes; a field that is not offered is left out.

    Raises: pynvml.NVMLError when the GPU is in trouble.
    """
    found: dict[int, float] = {}
    for answer in _ask(handle, tuple(request)):
        code = answer.nvmlReturn
        if code == pynvml.NVML_SUCCESS:
            kind, field = answer.valueType, answer.fieldId
            value = getattr(answer.value, _VALUES[kind]) if kind < len(_VALUES) else None
            if value is not None and value not in NOT_AVAILABLE:
                found[field] = found.get(field, 0) + value
        elif code in _TROUBLE:
            raise pynvml.NVMLError(code)
    return found


def _ask(handle: Any, request: tuple[tuple[int, int], ...]) -> Iterable[_Answer]:
    answers = type(_template(request)).from_buffer_copy(_template(request))
    call = getattr(pynvml.nvmlLib, "nvmlDeviceGetFieldValues", None)  # its wrapper in pynvml fills its own structures
    code = call(handle, len(request), answers) if call is not None else pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
    if code == pynvml.NVML_SUCCESS:
        return answers
    if isinstance(error := pynvml.NVMLError(code), ABSENT):
        return ()
    raise error


@cache
def _template(request: tuple[tuple[int, int], ...]) -> Array[_Answer]:
    return (_Answer * len(request))(*(_Answer(fieldId=field, scopeId=scope) for field, scope in request))


def _recovery(action: int) -> Iterator[Reading]:
    for number, what in ACTIONS.items():
        yield names.RECOVERY_ACTION, {"action": what}, float(action == number)
    if action not in ACTIONS:
        yield names.RECOVERY_ACTION, {"action": str(action)}, 1.0


def _by_link(handle: Any) -> Iterator[Reading]:
    """Blackwell's links count for themselves."""
    links = int(values(handle, [(_LINK_COUNT, 0)]).get(_LINK_COUNT, 0))
    if not links:
        return
    request = [(field, link) for link in range(min(links, MAX_LINKS)) for field in (_LINK_SENT, _LINK_RECEIVED)]
    found = values(handle, request)
    if _LINK_SENT in found:
        yield names.NVLINK_SENT, {}, found[_LINK_SENT]
    if _LINK_RECEIVED in found:
        yield names.NVLINK_RECEIVED, {}, found[_LINK_RECEIVED]
