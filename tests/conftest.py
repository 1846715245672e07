"""What holds for every test: no example of a property has a deadline, as timing proves nothing."""

try:
    from hypothesis import settings
except ModuleNotFoundError:  # the environment of `make test-scale` is without it
    pass
else:
    settings.register_profile("proving", deadline=None)
    settings.load_profile("proving")
