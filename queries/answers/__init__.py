"""Answers of an atlas about ids: one protein with all that is stored of it, or many with their sites."""
