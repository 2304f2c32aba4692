"""One payment's life: register, pay, confirm, cancel; the intent log and the sweeper."""
