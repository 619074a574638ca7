"""Reviews: what a person decides because no rule may."""
