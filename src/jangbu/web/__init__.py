"""What every door uses: envelopes, error answers, request safety, API docs pages and the console's look. Knows no capability."""
