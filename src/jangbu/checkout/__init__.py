"""What is sold, the sessions in which it is paid for, and what the payer sees. Money itself moves in `payments`."""
