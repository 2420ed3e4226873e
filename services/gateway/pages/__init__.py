"""The pages: what they ask for and how they are rendered."""
