"""The door to people: letters become messages, messages go out, one channel at a time."""
