"""Accounts: how they sign in, what they may do, and how their sign-ins end."""
