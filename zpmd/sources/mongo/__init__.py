"""The product's database as MongoDB."""
