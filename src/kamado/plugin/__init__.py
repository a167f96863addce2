"""The public API that resource types are written in, ours and those of others alike.

A type imports its vocabulary from `kamado.plugin.declare`, its base class from `resource` or `rest`, its errors from
`errors`. The engine calls `lifecycle` and `registry` and nothing else. The trap: nothing in here may know a type by
name.
"""
