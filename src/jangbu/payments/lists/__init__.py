"""Payments in lists and files: filters, pages, exports."""
