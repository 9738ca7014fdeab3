"""How good the doctor is: runs that are ill for a known reason, runs that are well, and what is said of both.

The truth of a run is the fault that was put into it *and* an outcome that no rule reads (`outcome`); see `__main__`.
"""
