"""One place that tells people things: alerts for whoever runs this installation, e-mail and Slack."""
