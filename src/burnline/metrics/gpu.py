"""GPUs, each series with the labels {gpu, uuid, model}. What a GPU does not support is absent, never 0."""

from __future__ import annotations

from burnline.metrics.measured import measured

UP = measured("burnline_gpu_up", "1 when the driver can talk to the GPU; 0 when it is lost.")
UTILIZATION = measured("burnline_gpu_utilization_ratio", "Share of the last period in which a kernel ran.")
MEMORY_BUSY = measured("burnline_gpu_memory_busy_ratio", "Share of the last period in which memory was accessed.")
MEMORY_SIZE = measured("burnline_gpu_memory_size_bytes", "Memory on the GPU.")
MEMORY_USED = measured("burnline_gpu_memory_used_bytes", "GPU memory allocated by processes.")
MEMORY_RESERVED = measured("burnline_gpu_memory_reserved_bytes", "GPU memory the driver keeps for itself.")
TEMPERATURE = measured("burnline_gpu_temperature_celsius", "Temperature of the die.")
POWER = measured("burnline_gpu_power_watts", "Power drawn.")
ENERGY = measured("burnline_gpu_energy_joules_total", "Energy used since the driver was loaded.")
SM_CLOCK = measured("burnline_gpu_sm_clock_hertz", "Clock of the streaming multiprocessors.")
MEMORY_CLOCK = measured("burnline_gpu_memory_clock_hertz", "Clock of the memory.")
ECC_ERRORS = measured("burnline_gpu_ecc_errors_total", "Memory errors over the GPU's life, by {kind}.")
THROTTLED = measured("burnline_gpu_throttled", "1 while the clocks are held down for {reason}.")
PCIE_REPLAYS = measured("burnline_gpu_pcie_replays_total", "Packets sent again over PCI Express.")
