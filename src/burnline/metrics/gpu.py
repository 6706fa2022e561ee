"""GPUs, each series with the labels {gpu, uuid, model}. What a GPU does not support is absent, never 0."""

from __future__ import annotations

from burnline.metrics.measured import measured

UP = measured("burnline_gpu_up", "1 when the driver answers for the GPU; 0 when it is lost or its driver call hangs.")
INFO = measured("burnline_gpu_info", "Always 1; the bus id {pci_bus_id} is how the kernel's log calls the GPU.")
DRIVER_INFO = measured(
    "burnline_gpu_driver_info",
    "Always 1; the version {driver} of the driver, and the newest CUDA version it can run, {cuda}.",
)

# How much it does
UTILIZATION = measured("burnline_gpu_utilization_ratio", "Share of the last period in which a kernel ran.")
MEMORY_BUSY = measured("burnline_gpu_memory_busy_ratio", "Share of the last period in which memory was accessed.")
VIDEO = measured(
    "burnline_gpu_video_utilization_ratio",
    "Share of the last period in which the engine {engine} (encoder, decoder, jpeg, optical_flow) ran.",
)
GRAPHICS_ACTIVE = measured("burnline_gpu_graphics_active_ratio", "Share of time in which any work was on the GPU.")
SM_ACTIVE = measured("burnline_gpu_sm_active_ratio", "Share of time x multiprocessors in which they had a warp.")
SM_OCCUPANCY = measured("burnline_gpu_sm_occupancy_ratio", "Warps on the multiprocessors, of the most there could be.")
TENSOR_ACTIVE = measured("burnline_gpu_tensor_active_ratio", "Share of time in which the tensor cores calculated.")
DRAM_ACTIVE = measured("burnline_gpu_dram_active_ratio", "Memory bandwidth used, of the most there could be.")
FP64_ACTIVE = measured("burnline_gpu_fp64_active_ratio", "Share of time with FP64 arithmetic outside the tensor cores.")
FP32_ACTIVE = measured("burnline_gpu_fp32_active_ratio", "Share of time with FP32 arithmetic outside the tensor cores.")
FP16_ACTIVE = measured("burnline_gpu_fp16_active_ratio", "Share of time with FP16 arithmetic outside the tensor cores.")

# Memory
MEMORY_SIZE = measured("burnline_gpu_memory_size_bytes", "Memory on the GPU.")
MEMORY_USED = measured("burnline_gpu_memory_used_bytes", "GPU memory allocated by processes.")
MEMORY_FREE = measured("burnline_gpu_memory_free_bytes", "GPU memory that can still be allocated.")
MEMORY_RESERVED = measured("burnline_gpu_memory_reserved_bytes", "GPU memory the driver keeps for itself.")
PROCESS_MEMORY = measured(
    "burnline_gpu_process_memory_bytes",
    "GPU memory of the process {pid} called {process}; those beyond the 20 largest are one, `__other__`.",
)
PROCESSES = measured("burnline_gpu_processes", "Processes that have the GPU open.")

# Heat, power and clocks
TEMPERATURE = measured("burnline_gpu_temperature_celsius", "Temperature of the die.")
MEMORY_TEMPERATURE = measured("burnline_gpu_memory_temperature_celsius", "Temperature of the memory.")
FAN = measured("burnline_gpu_fan_speed_ratio", "Speed of the fan {fan}, of its most.")
POWER = measured("burnline_gpu_power_watts", "Power drawn.")
POWER_LIMIT = measured("burnline_gpu_power_limit_watts", "Power the GPU may draw before its clocks are held down.")
ENERGY = measured("burnline_gpu_energy_joules_total", "Energy used since the driver was loaded.")
SM_CLOCK = measured("burnline_gpu_sm_clock_hertz", "Clock of the streaming multiprocessors.")
MEMORY_CLOCK = measured("burnline_gpu_memory_clock_hertz", "Clock of the memory.")
THROTTLED = measured("burnline_gpu_throttled", "1 while the clocks are held down for the reason {reason}.")
THROTTLED_SECONDS = measured(
    "burnline_gpu_throttled_seconds_total", "Time the clocks were held down for the reason {reason}."
)

# Health
XID_ERRORS = measured(
    "burnline_gpu_xid_errors_total",
    "Errors the driver reported since burnline listens, by the number {xid} of NVIDIA's list.",
)
XID_LAST = measured("burnline_gpu_xid_last_timestamp_seconds", "When the driver last reported the error {xid}.")
RECOVERY_ACTION = measured(
    "burnline_gpu_recovery_action", "1 for the action {action} the driver asks for; `none` while all is well."
)
ECC_ERRORS = measured("burnline_gpu_ecc_errors_total", "Memory errors over the GPU's life, by {kind}.")
ECC_VOLATILE = measured(
    "burnline_gpu_ecc_volatile_errors_total", "Memory errors since the driver was loaded, by {kind}."
)
REMAPPED_ROWS = measured(
    "burnline_gpu_remapped_rows_total", "Memory rows replaced by spare ones after errors of the kind {kind}."
)
REMAP_PENDING = measured("burnline_gpu_remap_pending", "1 when a row will be replaced at the next reset.")
REMAP_FAILED = measured("burnline_gpu_remap_failed", "1 when a row could not be replaced: the GPU is to be exchanged.")
RETIRED_PAGES = measured("burnline_gpu_retired_pages_total", "Memory pages given up after errors of the kind {kind}.")
RETIRED_PENDING = measured("burnline_gpu_retired_pages_pending", "1 when a page will be given up at the next reset.")

# Links
PCIE_REPLAYS = measured("burnline_gpu_pcie_replays_total", "Packets sent again over PCI Express.")
PCIE_SENT = measured("burnline_gpu_pcie_sent_bytes_per_second", "Bytes the GPU sends over PCI Express.")
PCIE_RECEIVED = measured("burnline_gpu_pcie_received_bytes_per_second", "Bytes the GPU receives over PCI Express.")
NVLINK_SENT_RATE = measured("burnline_gpu_nvlink_sent_bytes_per_second", "Bytes the GPU sends over NVLink.")
NVLINK_RECEIVED_RATE = measured("burnline_gpu_nvlink_received_bytes_per_second", "Bytes the GPU receives over NVLink.")
NVLINK_SENT = measured("burnline_gpu_nvlink_sent_bytes_total", "Bytes the GPU sent over NVLink.")
NVLINK_RECEIVED = measured("burnline_gpu_nvlink_received_bytes_total", "Bytes the GPU received over NVLink.")
NVLINK_ERRORS = measured(
    "burnline_gpu_nvlink_errors_total", "Errors of NVLink, by {kind} (crc_flit, crc_data, replay, recovery)."
)

# Instances of a GPU that is divided (MIG)
MIG_INFO = measured(
    "burnline_gpu_mig_instance_info",
    "Always 1: a part of the GPU, {mig_uuid}, made by the profile {profile} as {gpu_instance} and {compute_instance}.",
)
MIG_MEMORY_SIZE = measured(
    "burnline_gpu_mig_memory_size_bytes", "Memory of the instance {gpu_instance}, made by the profile {profile}."
)
MIG_MEMORY_USED = measured("burnline_gpu_mig_memory_used_bytes", "Memory used in the instance {gpu_instance}.")
