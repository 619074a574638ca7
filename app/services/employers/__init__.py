"""Employers: the platforms and courier companies that vouch for their people."""
