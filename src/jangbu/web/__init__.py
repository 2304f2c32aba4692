"""What every door uses: envelopes, error answers, request safety, API docs and the console's look."""
