"""The console: what `confab chat` shows and understands. Talks to the broker through client.Client alone.

app.py joins terminal and client, talk.py is what goes on at one console, commands.py the table of commands,
actions.py what they do, prompt.py the input line. What is shown is data, shown.py, to which a face gives its form;
words.py has the sentences that are the same in each.
"""
