"""Metering where agents already are, without a change to their code: each module is a door of its own, with the extra
that it needs.

    otel              spans of OpenTelemetry, taken in as usage (extra otel; JSON needs none)
    litellm           calls through LiteLLM, reserved before and settled after (extra litellm)
    litellm_proxy     the same as a callback of LiteLLM's proxy
    providers         requests of httpx to literature services: counted, and kept to the provider's rate
    measures          CPU seconds and stored bytes, as the machine measures them
"""
