"""confab measured beside its peers, on this machine, in one run: `make bench`, or `python -m benchmarks NAME`.

Every system under test is a process of its own, and so is every generator and every reader. Nothing here is imported by
the product; traffic stays on loopback, in a folder that is removed afterwards.
"""
