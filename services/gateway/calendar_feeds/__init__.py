"""A rep's steps as a calendar feed."""
