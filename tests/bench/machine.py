"""The machine that a figure was measured on."""

from farm.machine import describe

__all__ = ["describe"]
