"""The template languages: HOT, CloudFormation, environments. Pure, typed, no I/O, usable alone."""
