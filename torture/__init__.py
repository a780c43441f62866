"""Reliability campaigns: real brokers and clients under faults, a checker, and for each test a control that must fail.

Each row of the table is a module with `run(scale) -> Result`. `python -m torture [ROW …] [--short]` prints the table.
Imports everything of ours; nothing of ours imports it.
"""
