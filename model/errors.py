"""What the model refuses.

ModelError
├── InvalidInputError      arrays that do not fit together, a value outside its range
└── CalibrationError       no alpha can be calibrated from these users
"""


class ModelError(Exception):
    """Base of everything the model raises on purpose."""


class InvalidInputError(ModelError, ValueError):
    """An argument cannot be what the function describes: wrong shape, wrong range, not a number."""


class CalibrationError(ModelError):
    """The users given do not determine an alpha."""
