"""The reception: a process of the daemon that has everything loaded and answers support's commands.

A command by itself takes one to two seconds until Python has loaded what it needs; its work takes a
tenth of that. Here a copy of a process that has all of it does the same work, with the caller's
words, environment and streams. Where no reception is open, a command is a process of its own.

    asking      the caller's side, which loads next to nothing
    answering   the daemon's side
    wire        what the two say to each other
"""
