"""The CloudFormation Query API, signals and wait conditions; a sibling of the REST API."""
