"""A faithful little OpenStack in one process, for laptops, demonstrations and tests. A stand-in, and it says so."""
