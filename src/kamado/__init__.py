"""Kamado: an orchestration engine for OpenStack that speaks the protocols of Heat."""

__version__ = "0.1.0"
