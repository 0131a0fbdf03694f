"""What is sent to other servers: over one guarded HTTP client, signed with secrets that are stored sealed."""
