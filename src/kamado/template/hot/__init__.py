"""The OpenStack language: HOT, all versions."""
