"""The pictures of README and docs, made from real sessions in real terminals: a broker, consoles in tmux, scripts.

Nothing is drawn by hand. `stage` runs the programs, `scenes` has what is played, `words` what is said in each language,
and `picture` joins what the terminals show.
"""
