"""What comes with or after a payment: its disputes, virtual account, cash receipt and escrow."""
