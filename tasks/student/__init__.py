"""A model on the embeddings that answers what it is sure of, and knows how sure it is. Pure."""
