"""Laws are tested on the same examples each time, so that a red main means a change; FUZZ=1 looks for new ones."""

import os
import signal

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile("fuzz" if os.environ.get("FUZZ") else "same")

# A shell that starts the tests in the background has SIGINT ignored, and so would every process that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
