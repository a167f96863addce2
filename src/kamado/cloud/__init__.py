"""Sessions, trusts, stack users, REST calls and the classification of their failures."""
