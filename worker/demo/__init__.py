"""The demonstration: the real daemon against the stand-in of Wispro and a local inbox.

story.py   who the customers are and what each of them must get
inbox.py   the SMTP inbox, and what it leaves on disk
stage.py   the sandbox, the database and the daemon of one run
show.py    the acts, the live progress and the verdict
"""
