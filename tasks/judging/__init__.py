"""Grades from comparisons: which lists are shown, how strong each item comes out, and what grade that is. Pure."""
