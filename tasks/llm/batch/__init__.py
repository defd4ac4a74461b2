"""Asking through the Batch API: half the price, an answer within a day, and nothing is forgotten meanwhile."""
