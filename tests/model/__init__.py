"""The model test: real core and real client sessions over a simulated network, held against a plain model.

world      the network, the clock, the disk, the processes; no opinion on what is right
ledger     the model: what was said, by whom, to whom, in which order; who may see it, who must
machine    what may happen, as rules that Hypothesis puts into any order
sabotage   bugs that must be found, one by one
"""
