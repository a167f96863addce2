"""The web page; talks to the REST API like any other client."""
