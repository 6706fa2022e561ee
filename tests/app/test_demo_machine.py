"""What burnline reads of this machine, in one line."""

from __future__ import annotations

from burnline.app.demo_machine import Machine


def page(*, at: float, idle: float, waited: float = 0, received: float = 0, rest: str = "") -> str:
    """burnline's /metrics, as far as the line needs it."""
    return f"""
burnline_collector_last_success_timestamp_seconds{{service="",collector="host"}} {at}
burnline_collector_last_success_timestamp_seconds{{service="shop",collector="scrape"}} {at + 7}
burnline_host_cpu_seconds_total{{mode="user"}} 1
burnline_host_cpu_seconds_total{{mode="idle"}} {idle}
burnline_host_cpus 2
burnline_host_memory_size_bytes 8e9
burnline_host_memory_available_bytes 6e9
burnline_host_pressure_seconds_total{{resource="cpu",stall="some"}} {waited}
burnline_host_pressure_seconds_total{{resource="cpu",stall="full"}} 0
burnline_host_disk_io_seconds_total{{device="vda"}} {waited / 2}
burnline_host_disk_io_seconds_total{{device="vdb"}} 0
burnline_host_network_received_bytes_total{{interface="eth0"}} {received}
burnline_host_network_sent_bytes_total{{interface="eth0"}} 0
{rest}
"""


GPU = """
burnline_gpu_up{gpu="0"} 1
burnline_gpu_utilization_ratio{gpu="0"} 0.5
burnline_gpu_memory_used_bytes{gpu="0"} 4e10
burnline_gpu_memory_size_bytes{gpu="0"} 8e10
"""


def test_one_reading_gives_no_rates_yet() -> None:
    machine = Machine()

    machine.note(page(at=100, idle=0))

    assert machine.line() == "this host: not read twice yet"


def test_rates_are_between_two_readings() -> None:
    machine = Machine()

    machine.note(page(at=100, idle=0))
    machine.note(page(at=110, idle=5, waited=4, received=25_000))

    assert machine.line() == (
        "this host: CPU 75% of 2, memory 25% of 8.0 GB, pressure cpu 40%, disk 20%, "
        "network 2 kB/s in, 0 B/s out, no GPU"
    )


def test_the_same_reading_seen_again_changes_nothing() -> None:
    machine = Machine()
    for seen in (page(at=100, idle=0), page(at=110, idle=5), page(at=110, idle=5)):
        machine.note(seen)

    assert "CPU 75% of 2" in machine.line()


def test_a_gpu_is_shown_with_its_memory() -> None:
    machine = Machine()
    machine.note(page(at=100, idle=0))
    machine.note(page(at=110, idle=5, rest=GPU))

    assert machine.line().endswith("GPU 50% of 1 with 40.0 GB of 80.0 GB used")


def test_what_the_kernel_does_not_tell_is_left_out() -> None:
    machine = Machine()
    for at in (100, 110):
        machine.note(f'burnline_collector_last_success_timestamp_seconds{{service="",collector="host"}} {at}\n')

    assert machine.line() == "this host: network 0 B/s in, 0 B/s out, no GPU"
