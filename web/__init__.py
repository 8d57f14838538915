"""The pages that customers reach from a message; on the floor of `tasks/`: they translate."""
