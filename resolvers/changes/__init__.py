"""What is done: each mutation is one function in one transaction."""
