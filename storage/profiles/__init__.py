"""Profiles: the daily batch's, published whole, and the online consumer's, written one by one."""
