"""What the types of the network service share: properties that nearly all of them have, and the words for its states."""

from __future__ import annotations

from kamado.plugin.declare import LIST, MAP, MERGED, NOT_SENT, PHYSICAL_NAME, STRING, Prop, Ready

READY = Ready("status", pending={"BUILD"}, done={"ACTIVE", "DOWN"}, bad={"ERROR", "DEGRADED"})

NAME = Prop("name", STRING, "Name; need not be unique.", update=True, fallback=PHYSICAL_NAME)
VALUE_SPECS = Prop("value_specs", MAP, "Extra request keys.", update=True, default={}, body=MERGED)
TAGS = Prop("tags", LIST, "Tags.", items=STRING, update=True, body=NOT_SENT, since="9.0.0")
