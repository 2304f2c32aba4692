"""What the shopper sees: the browser SDK, the payment window, and the windows that issue keys or verify people."""
