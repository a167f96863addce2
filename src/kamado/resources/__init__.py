"""Resource types, one folder a service, one file a type or a small family; they use only kamado.plugin."""
