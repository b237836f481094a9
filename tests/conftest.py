"""Settings that hold for all tests."""

import signal

from hypothesis import HealthCheck, settings

# a machine that does other work draws and runs examples slowly; that is no fault of the code
settings.register_profile("smysl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("smysl")

# a shell in the background has its children ignore Ctrl-C, and they would hand that down
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
