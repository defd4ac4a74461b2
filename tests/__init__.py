"""Tests; the folders mirror the tree. Shared: night.py (a small catalog and its nights), fake_embedder.py, scripted_labeler.py."""
