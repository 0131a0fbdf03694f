"""Read resolvers, which return SQL."""
