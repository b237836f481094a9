"""Small questions to the person: each is pushed over a screen and comes back with one value."""
