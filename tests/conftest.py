"""Settings that hold for all tests."""

from hypothesis import HealthCheck, settings

# a machine that does other work draws and runs examples slowly; that is no fault of the code
settings.register_profile("smysl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("smysl")
