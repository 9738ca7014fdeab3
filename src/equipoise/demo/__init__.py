"""``equipoise demo``: a doomed run on real digits, its rescue, and a classifier's verdict on both."""
