"""OS::Keystone::*: one class a resource type, mostly declaration."""

from kamado.plugin.resource import Resource
from kamado.resources.keystone.project import Project
from kamado.resources.keystone.role import Role
from kamado.resources.keystone.user import User

TYPES: tuple[type[Resource], ...] = (Project, Role, User)
