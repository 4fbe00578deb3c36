"""What every test of the house shares: properties are judged by their answer, never by how long it took."""

from hypothesis import settings

settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")
