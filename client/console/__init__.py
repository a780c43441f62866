"""The console: what `confab chat` shows and understands. Talks to the broker through client.Client alone.

app.py joins terminal and client, talk.py is what goes on at one console, commands.py the table of commands,
actions.py what they do, prompt.py the input line. What is shown is data, shown.py, to which one of three
faces gives its form: face_rich.py, face_linear.py, face_json.py. words.py has the sentences that are the same in each.
"""
