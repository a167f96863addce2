"""The CloudFormation language, both versions."""
