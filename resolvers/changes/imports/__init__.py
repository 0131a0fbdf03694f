"""Importing deals from files."""
