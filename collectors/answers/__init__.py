"""Answers of generative AI on their way in: their texts are scored at the door, and only numbers are kept."""
