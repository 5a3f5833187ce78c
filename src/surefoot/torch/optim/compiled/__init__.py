"""The passes as compiled loops over memory (numba): what runs on a CPU where the extra ``fast`` is installed."""
