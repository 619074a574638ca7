"""Tables that people fill in with spreadsheet programs, read without trusting them."""
