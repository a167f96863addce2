"""Runs in the clients' environment: makes a software config, as `openstack software config create` cannot yet; prints its id."""

import openstack

print(openstack.connect().orchestration.create_software_config(name="c", group="script", config="#!/bin/sh").id)
