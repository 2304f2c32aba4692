"""The simulator: the real code on a real PostgreSQL, while everything that can go wrong does, repeatably.

One asyncio task at a time acts, chosen by a seeded scheduler; the clock, the ids, PortOne and every fault come from the
same seed, so a failure is repeated by its number. Processes die at failpoints, at any statement and in the middle of
COMMIT; what is left must still add up (reliability G01-G04).
"""
