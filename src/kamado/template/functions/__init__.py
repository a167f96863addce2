"""The functions of the template languages; which version has which is said in `hot/versions.py` and `cfn/versions.py`."""
