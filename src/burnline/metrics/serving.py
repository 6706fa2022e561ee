"""Serving engines under one set of names, whatever the engine; made of its own series by its profile.

Labels: {collector} (which page), {model} where the engine tells models apart. What an engine does not count is absent.
"""

from __future__ import annotations

from burnline.metrics.measured import measured, measured_histogram

REQUESTS = measured("burnline_serving_requests_total", "Requests that ended, well or badly.")
ERRORS = measured("burnline_serving_errors_total", "Requests that failed by the service's own fault.")
REJECTIONS = measured("burnline_serving_rejections_total", "Requests turned away because the engine was full.")
RUNNING = measured("burnline_serving_running_requests", "Requests being worked on.")
WAITING = measured("burnline_serving_waiting_requests", "Requests that wait for their turn.")
KV_CACHE = measured("burnline_serving_kv_cache_usage_ratio", "Share of the key-value cache in use.")
PROMPT_TOKENS = measured("burnline_serving_prompt_tokens_total", "Tokens read.")
GENERATED_TOKENS = measured("burnline_serving_generated_tokens_total", "Tokens written.")
PREEMPTIONS = measured("burnline_serving_preemptions_total", "Requests put back because the cache was full.")
CACHE_QUERIES = measured("burnline_serving_prefix_cache_queries_total", "Tokens looked up in the prefix cache.")
CACHE_HITS = measured("burnline_serving_prefix_cache_hits_total", "Tokens found in the prefix cache.")
CACHE_HIT_RATIO = measured("burnline_serving_prefix_cache_hit_ratio", "Share of lookups that the prefix cache served.")
REQUEST_SECONDS = measured(
    "burnline_serving_request_seconds_total", "Time all requests took together; over requests it gives the mean."
)
QUEUE_SECONDS = measured("burnline_serving_queue_seconds_total", "Time all requests waited together.")
TIME_TO_FIRST_TOKEN = measured_histogram(
    "burnline_serving_time_to_first_token_seconds", "Time from a request to its first token."
)
INTER_TOKEN_LATENCY = measured_histogram(
    "burnline_serving_inter_token_latency_seconds", "Time between two tokens of one request."
)
REQUEST_DURATION = measured_histogram("burnline_serving_request_duration_seconds", "Time from a request to its end.")
QUEUE_DURATION = measured_histogram("burnline_serving_queue_duration_seconds", "Time a request waited for its turn.")

PREFIX = "burnline_serving_"
