"""The same scoring function carried by others: decoded, folded, told and packed by scoring's own code.

None of them wakes up for crossings by time, puts dead letters aside or lets leads rest: they do less than the worker.
Each is a process: `python -m bench.scoring.peers.NAME BOOTSTRAP PREFIX EVENTS`. It says how long it took from the first
event at hand on.
"""
