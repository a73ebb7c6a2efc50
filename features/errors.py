"""Errors of the feature code that a user can act on. The exit codes are those of the whole toolkit."""


class InputError(Exception):
    """A file that the user named cannot be read or is not what it should be. ``exit`` is the program's exit code."""

    exit = 17


class GoldenError(Exception):
    """The code computes other values than the golden set has. ``exit`` is the program's exit code."""

    exit = 13
