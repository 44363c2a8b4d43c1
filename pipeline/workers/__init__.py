"""The processes that compute shards."""
