"""Jobs that feed a service, as they tell themselves, as OpenLineage tells, or as their wrapper sees them."""

from __future__ import annotations

from burnline.metrics.measured import measured, measured_histogram

# What runs did, counted once.
STARTED = measured("burnline_job_started_total", "Runs of the job {job} that began.")
FINISHED = measured("burnline_job_finished_total", "Runs of the job {job} that did what they should.")
FAILED = measured("burnline_job_failed_total", "Runs of the job {job} that failed, by {reason}.")
ABORTED = measured("burnline_job_aborted_total", "Runs of the job {job} that somebody stopped.")
ENDED = measured("burnline_job_ended_total", "Runs of the job {job} that finished or failed; what an SLI divides by.")
DURATION = measured_histogram(
    "burnline_job_run_duration_seconds", "Time that runs of the job {job} took that finished."
)
WAITING = measured_histogram("burnline_job_waiting_seconds", "Time that runs of the job {job} waited, as for a GPU.")
GPU_SECONDS = measured("burnline_job_gpu_seconds_total", "GPU time that runs of the job {job} used.")
ROWS_IN = measured("burnline_job_rows_in_total", "Rows that the job {job} read.")
ROWS_OUT = measured("burnline_job_rows_out_total", "Rows that the job {job} wrote.")
REJECTED = measured("burnline_job_rows_rejected_total", "Rows that the job {job} turned away.")
VIOLATIONS = measured("burnline_job_schema_violations_total", "Rows or columns of the job {job} that broke its schema.")
RETRIES = measured("burnline_job_retries_total", "Tries again by the job {job}, by {cause}.")

# What is so now.
RUNNING = measured("burnline_job_running", "Runs of the job {job} that have not ended.")
OLDEST = measured("burnline_job_oldest_running_seconds", "How long the oldest of them has run.")
LAST_SUCCESS = measured("burnline_job_last_success_timestamp_seconds", "When the job {job} last finished.")
LAST_DATA = measured(
    "burnline_job_last_data_timestamp_seconds", "How new the data was that the job {job} last delivered."
)
OVERDUE = measured(
    "burnline_job_overdue_seconds", "How long the job {job} should have succeeded again; 0: it is in time."
)
DATA_LAG = measured(
    "burnline_job_data_lag_seconds", "How much older the data of the job {job} is than that of the job {behind}."
)
ROWS_RATIO = measured(
    "burnline_job_rows_ratio", "Rows of the last run of the job {job} by the median of those before it."
)
NULLS = measured("burnline_job_nulls_ratio", "Share of nulls in the column {column} of the job {job}, of its last run.")
RECORD_COMPLETE = measured(
    "burnline_job_record_complete",
    "1 when the last run of the job {job} wrote down all it takes to repeat it, 0 when not.",
)
LINEAGE = measured(
    "burnline_job_lineage_present", "1 when the last run of the job {job} told its inputs or outputs, 0 if not."
)
