"""The rows that carry the truth, and the questions asked of them. Imports nothing else of ours."""
