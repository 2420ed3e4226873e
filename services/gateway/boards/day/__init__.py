"""A rep's day: today's steps in the order in which they are worth doing."""
