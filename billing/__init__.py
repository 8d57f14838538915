"""What is owed to whom and when: pure decisions, and the use-cases that carry them out."""
