"""Many runs of one recipe that find better settings for it: one change at a time, each judged beside the recipe's own.

`knobs` says what can be changed and to what, `order` what first; `planning` says, of what has been measured, what comes
next and what is kept; `study` and `storage` are where trials lie, for one worker or many; `trials` trains them.
"""
