"""The machine, as the kernel counts it."""

from __future__ import annotations

from burnline.metrics.measured import measured

CPU_SECONDS = measured("burnline_host_cpu_seconds_total", "CPU time of all CPUs, by {mode}.")
CPUS = measured("burnline_host_cpus", "CPUs online.")
LOAD = measured("burnline_host_load_average", "Runnable and waiting tasks, averaged over {window}.")
MEMORY_SIZE = measured("burnline_host_memory_size_bytes", "Physical memory.")
MEMORY_AVAILABLE = measured("burnline_host_memory_available_bytes", "Memory a new program could use.")
SWAP_SIZE = measured("burnline_host_swap_size_bytes", "Swap space.")
SWAP_FREE = measured("burnline_host_swap_free_bytes", "Swap space not in use.")
OOM_KILLS = measured("burnline_host_oom_kills_total", "Processes the kernel killed for want of memory.")
PRESSURE = measured(
    "burnline_host_pressure_seconds_total",
    "Time {stall} (some, full) of the tasks waited for {resource} (cpu, memory, io): pressure stall information.",
)
DISK_READ = measured("burnline_host_disk_read_bytes_total", "Bytes read from {device}.")
DISK_WRITTEN = measured("burnline_host_disk_written_bytes_total", "Bytes written to {device}.")
DISK_READS = measured("burnline_host_disk_reads_total", "Reads completed on {device}.")
DISK_WRITES = measured("burnline_host_disk_writes_total", "Writes completed on {device}.")
DISK_BUSY = measured("burnline_host_disk_io_seconds_total", "Time {device} had input or output in flight.")
FILESYSTEM_SIZE = measured("burnline_host_filesystem_size_bytes", "Size of the filesystem at {mountpoint}.")
FILESYSTEM_AVAILABLE = measured(
    "burnline_host_filesystem_available_bytes", "Bytes an ordinary user can still write at {mountpoint}."
)
NETWORK_RECEIVED = measured("burnline_host_network_received_bytes_total", "Bytes received on {interface}.")
NETWORK_SENT = measured("burnline_host_network_sent_bytes_total", "Bytes sent on {interface}.")
NETWORK_ERRORS = measured(
    "burnline_host_network_errors_total", "Packets in error on {interface}, by {direction} (receive, send)."
)
NETWORK_DROPS = measured(
    "burnline_host_network_drops_total", "Packets dropped on {interface}, by {direction} (receive, send)."
)
