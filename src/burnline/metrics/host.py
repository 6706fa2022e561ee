"""The machine, as the kernel counts it."""

from __future__ import annotations

from burnline.metrics.measured import measured

CPU_SECONDS = measured("burnline_host_cpu_seconds_total", "CPU time of all CPUs, by {mode}.")
CPUS = measured("burnline_host_cpus", "CPUs online.")
BOOT = measured("burnline_host_boot_timestamp_seconds", "When the kernel started.")
CONTEXT_SWITCHES = measured("burnline_host_context_switches_total", "Times a CPU went from one task to another.")
FORKS = measured("burnline_host_forks_total", "Processes and threads ever started.")
RUNNING = measured("burnline_host_tasks_running", "Tasks that run or could run now.")
BLOCKED = measured("burnline_host_tasks_blocked", "Tasks that wait for a disk and cannot be stopped.")
OPEN_FILES = measured("burnline_host_open_files", "Open files of all processes.")
OPEN_FILES_LIMIT = measured("burnline_host_open_files_limit", "Open files that all processes together may have.")
LOAD = measured("burnline_host_load_average", "Runnable and waiting tasks, averaged over the window {window}.")
MEMORY_SIZE = measured("burnline_host_memory_size_bytes", "Physical memory.")
MEMORY_AVAILABLE = measured("burnline_host_memory_available_bytes", "Memory a new program could use.")
MEMORY = measured(
    "burnline_host_memory_bytes",
    "Memory by {kind} (free, buffers, cached, shared, anonymous, slab, locked, dirty, writeback, committed, huge).",
)
SWAP_SIZE = measured("burnline_host_swap_size_bytes", "Swap space.")
SWAP_FREE = measured("burnline_host_swap_free_bytes", "Swap space not in use.")
SWAPPED_IN = measured("burnline_host_swapped_in_pages_total", "Pages read back from swap.")
SWAPPED_OUT = measured("burnline_host_swapped_out_pages_total", "Pages written to swap.")
PAGE_FAULTS = measured("burnline_host_page_faults_total", "Page faults, minor ones among them.")
MAJOR_FAULTS = measured("burnline_host_major_page_faults_total", "Page faults that had to wait for a disk.")
OOM_KILLS = measured("burnline_host_oom_kills_total", "Processes the kernel killed for want of memory.")
PRESSURE = measured(
    "burnline_host_pressure_seconds_total",
    "Time that tasks, {stall} of them (some, full), waited for {resource} (cpu, memory, io, irq): pressure stalls.",
)
DISK_READ = measured("burnline_host_disk_read_bytes_total", "Bytes read from the disk {device}.")
DISK_WRITTEN = measured("burnline_host_disk_written_bytes_total", "Bytes written to the disk {device}.")
DISK_READS = measured("burnline_host_disk_reads_total", "Reads completed on the disk {device}.")
DISK_WRITES = measured("burnline_host_disk_writes_total", "Writes completed on the disk {device}.")
DISK_READ_TIME = measured("burnline_host_disk_read_seconds_total", "Time all reads of the disk {device} took together.")
DISK_WRITE_TIME = measured(
    "burnline_host_disk_write_seconds_total", "Time all writes of the disk {device} took together."
)
DISK_WAITING = measured(
    "burnline_host_disk_io_weighted_seconds_total",
    "Time the disk {device} had input or output in flight, times how many: its rate is the mean queue.",
)
DISK_INFLIGHT = measured("burnline_host_disk_io_inflight", "Reads and writes that the disk {device} works on now.")
DISK_BUSY = measured("burnline_host_disk_io_seconds_total", "Time the disk {device} had input or output in flight.")
FILESYSTEM_SIZE = measured("burnline_host_filesystem_size_bytes", "Size of the filesystem at {mountpoint}.")
FILESYSTEM_AVAILABLE = measured(
    "burnline_host_filesystem_available_bytes", "Bytes an ordinary user can still write at {mountpoint}."
)
FILESYSTEM_FREE = measured("burnline_host_filesystem_free_bytes", "Bytes that only root can still write included.")
FILESYSTEM_FILES = measured("burnline_host_filesystem_inodes", "Files that fit on the filesystem at {mountpoint}.")
FILESYSTEM_FILES_FREE = measured(
    "burnline_host_filesystem_inodes_free", "Files that can still be made at {mountpoint}."
)
FILESYSTEM_READ_ONLY = measured(
    "burnline_host_filesystem_read_only",
    "1 when nothing can be written at {mountpoint}: also after an error of the disk.",
)
FILESYSTEM_ERROR = measured(
    "burnline_host_filesystem_device_error", "1 when the filesystem at {mountpoint} fails to answer, or hangs."
)
NETWORK_RECEIVED = measured(
    "burnline_host_network_received_bytes_total", "Bytes received on the interface {interface}."
)
NETWORK_SENT = measured("burnline_host_network_sent_bytes_total", "Bytes sent on the interface {interface}.")
NETWORK_ERRORS = measured(
    "burnline_host_network_errors_total",
    "Packets in error on the interface {interface}, by {direction} (receive, send).",
)
NETWORK_DROPS = measured(
    "burnline_host_network_drops_total", "Packets dropped on the interface {interface}, by {direction} (receive, send)."
)
NETWORK_PACKETS = measured(
    "burnline_host_network_packets_total", "Packets on the interface {interface}, by {direction} (receive, send)."
)
NETWORK_UP = measured(
    "burnline_host_network_up", "1 when the interface {interface} is up and has a link; absent where it does not say."
)
NETWORK_SPEED = measured("burnline_host_network_speed_bytes_per_second", "What the interface {interface} can carry.")
BOND_LINKS = measured("burnline_host_bond_links", "Interfaces that the interface {interface} is made of.")
BOND_LINKS_UP = measured("burnline_host_bond_links_up", "Those of them that have a link.")

TCP_SENT = measured("burnline_host_tcp_sent_segments_total", "TCP segments sent.")
TCP_RETRANSMITS = measured("burnline_host_tcp_retransmitted_segments_total", "TCP segments sent again.")
TCP_LISTEN_OVERFLOWS = measured(
    "burnline_host_tcp_listen_overflows_total", "Connections turned away because a program did not accept them in time."
)
TCP_LISTEN_DROPS = measured("burnline_host_tcp_listen_drops_total", "Connections turned away for any reason.")
TCP_ESTABLISHED = measured("burnline_host_tcp_connections", "TCP connections that are open.")
SOCKETS = measured("burnline_host_sockets", "Sockets by {kind}: all, tcp, tcp_orphan, tcp_time_wait, udp.")

INFINIBAND_INFO = measured(
    "burnline_host_infiniband_info",
    "Always 1: {port} of the device {device}, its {link_layer} (InfiniBand, Ethernet) and its {firmware}.",
)
INFINIBAND_STATE = measured(
    "burnline_host_infiniband_state",
    "State of the link at port {port} of the device {device}: 1 down, 2 init, 3 armed, 4 active.",
)
INFINIBAND_PHYSICAL = measured(
    "burnline_host_infiniband_physical_state", "State of its cable: 2 polling, 3 disabled, 5 link up, 6 recovering."
)
INFINIBAND_RATE = measured("burnline_host_infiniband_rate_bytes_per_second", "What the link can carry each way.")
INFINIBAND_RECEIVED = measured("burnline_host_infiniband_received_bytes_total", "Bytes received over the port.")
INFINIBAND_SENT = measured("burnline_host_infiniband_sent_bytes_total", "Bytes sent over the port.")
INFINIBAND_PACKETS = measured(
    "burnline_host_infiniband_packets_total", "Packets over the port, by {direction} (receive, send)."
)
INFINIBAND_WAIT = measured(
    "burnline_host_infiniband_send_wait_ticks_total", "Ticks in which the port had data and was not allowed to send it."
)
INFINIBAND_DOWNED = measured(
    "burnline_host_infiniband_link_downed_total", "Times the link failed to recover and went down."
)
INFINIBAND_RECOVERIES = measured(
    "burnline_host_infiniband_link_recoveries_total", "Times the link recovered from errors by itself."
)
INFINIBAND_ERRORS = measured(
    "burnline_host_infiniband_errors_total",
    "Errors of the port by {kind}: symbol, receive, send_discarded, local_integrity, buffer_overrun.",
)
ROCE_EVENTS = measured(
    "burnline_host_roce_events_total",
    "Congestion and losses by {kind}: cnp_sent, cnp_handled, ecn_marked, out_of_sequence, packet_sequence_error, "
    "adaptive_retransmit, ack_timeout.",
)

NVME_INFO = measured(
    "burnline_host_nvme_info",
    "Always 1: the disk {device} with its {model}, {serial} number, {firmware} and {transport}.",
)
NVME_UP = measured(
    "burnline_host_nvme_up",
    "1 when the controller of the disk {device} is live; 0 when it resets, connects or is dead.",
)
NVME_SIZE = measured("burnline_host_nvme_namespace_size_bytes", "Size of the namespace {device}.")

NUMA_SIZE = measured("burnline_host_numa_memory_size_bytes", "Memory at the node {node}.")
NUMA_FREE = measured("burnline_host_numa_memory_free_bytes", "Memory at the node {node} that is not used.")
NUMA_HITS = measured("burnline_host_numa_hits_total", "Pages given at the node {node} to whom it was meant for.")
NUMA_MISSES = measured(
    "burnline_host_numa_misses_total", "Pages given at the node {node} because another node was full."
)

CGROUP_MEMORY_LIMIT = measured(
    "burnline_host_cgroup_memory_limit_bytes",
    "Memory the group {cgroup} may have, the limits above it included; absent without one.",
)
CGROUP_MEMORY_USED = measured(
    "burnline_host_cgroup_memory_used_bytes", "Memory of the group {cgroup}, with its files' pages."
)
CGROUP_WORKING_SET = measured(
    "burnline_host_cgroup_memory_working_set_bytes",
    "Of that, what cannot be dropped at once: what is judged at the limit.",
)
CGROUP_OOM_KILLS = measured(
    "burnline_host_cgroup_oom_kills_total", "Processes of the group {cgroup} killed for want of memory."
)
CGROUP_LIMIT_HITS = measured(
    "burnline_host_cgroup_memory_limit_hits_total", "Times the group {cgroup} ran into its memory limit."
)
CGROUP_CPU_LIMIT = measured(
    "burnline_host_cgroup_cpu_limit",
    "CPUs the group {cgroup} may use, the limits above it included; absent without one.",
)
CGROUP_CPU_SECONDS = measured("burnline_host_cgroup_cpu_seconds_total", "CPU time of the group {cgroup}.")
CGROUP_CPU_PERIODS = measured(
    "burnline_host_cgroup_cpu_periods_total", "Periods in which the group {cgroup} wanted a CPU."
)
CGROUP_CPU_THROTTLED = measured(
    "burnline_host_cgroup_cpu_throttled_periods_total", "Those in which its CPU limit stopped it."
)
CGROUP_CPU_THROTTLED_SECONDS = measured(
    "burnline_host_cgroup_cpu_throttled_seconds_total", "Time its CPU limit stopped tasks of the group {cgroup}."
)
CGROUP_TASKS = measured("burnline_host_cgroup_tasks", "Processes and threads of the group {cgroup}.")
CGROUP_TASKS_LIMIT = measured("burnline_host_cgroup_tasks_limit", "Those it may have; absent without a limit.")
CGROUP_PRESSURE = measured(
    "burnline_host_cgroup_pressure_seconds_total",
    "Time that tasks of the group {cgroup}, {stall} of them (some, full), waited for {resource} (cpu, memory, io).",
)

UNREADABLE = measured(
    "burnline_host_file_unreadable",
    "1 for a file {file} that is there and cannot be read or understood: its series are missing.",
)
