"""What is asked: read resolvers, which return SQL."""
